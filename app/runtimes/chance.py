"""Whether a graph draws numbers at random, so that the same question may have another answer. Runs nothing."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from app.errors import InvalidArtifact
from app.runtimes.archive import PROGRAM
from app.runtimes.onnx_file import OnnxFile

# https://onnx.ai/onnx/operators/: what has an attribute `seed`, but for Dropout, which draws in training only, and is
# told by an input that this is training.
OF_ONNX = frozenset(
    {"Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"}
)
TRAINING_INPUT = 2  # of Dropout
OF_ATEN = re.compile(
    r"torch\.ops\.(?:aten|prims)\.(?:\w*rand\w*|bernoulli\w*|multinomial|\w*normal\w*functional|normal\w*|"
    r"poisson|binomial|exponential\w*|geometric\w*|cauchy\w*|log_normal\w*|uniform\w*|rrelu\w*|_sample_dirichlet)\."
)
DROPOUT, IS_TRAINING = re.compile(r"torch\.ops\.aten\.\w*dropout\w*\."), "train"  # an argument


def draws_at_random(path: Path) -> bool:
    """Return whether a graph, ONNX or a program of PyTorch, draws. What cannot be read counts as if it did."""
    try:
        if path.suffix == ".onnx":
            return any(
                one.operator in OF_ONNX or (one.operator == "Dropout" and len(one.message.texts(1)) > TRAINING_INPUT)
                for one in OnnxFile(path).all_nodes()
            )
        with ZipFile(path) as archive:
            programs = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(PROGRAM)]
        return not programs or any(map(_draws, _calls(programs)))
    except (InvalidArtifact, OSError, ValueError, RecursionError, BadZipFile):
        return True


def _calls(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every call of an operator, wherever in a program it stands."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if isinstance(value, dict) and isinstance(value.get("target"), str):
        yield value
    for part in parts:
        yield from _calls(part)


def _draws(call: Mapping[str, Any]) -> bool:
    if DROPOUT.match(call["target"]):
        return any(one.get("name") == IS_TRAINING and one["arg"].get("as_bool") for one in call["inputs"])
    return OF_ATEN.match(call["target"]) is not None
