"""Weights out of a model file of CTranslate2, a runtime of Transformers in C++.

https://github.com/OpenNMT/CTranslate2/blob/master/python/ctranslate2/specs/model_spec.py, `_serialize`.
"""

import math
from pathlib import Path

import numpy as np

from app.tensors import Array, Tensors
from training.data.binary_file import BinaryFile
from training.errors import TrainingError

VERSION = 6
TYPES: dict[int, np.dtype[np.generic]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<i1"),
    2: np.dtype("<i2"),
    3: np.dtype("<i4"),
    4: np.dtype("<f2"),
}
INT8 = np.dtype(np.int8)
MOST_DIMENSIONS = 8  # a convolution's weights have three
SCALE = "_scale"  # ends the name of what codes of 8 bits were multiplied by, one number for each of their rows


def read_ctranslate2(path: Path, kind: str) -> Tensors:
    """Return the weights and settings of a model of this `kind`, such as "WhisperSpec", by name.

    Floats of 16 bits, and codes of 8 with their scales, become fp32; integers stay as they are. A name that stands for
    another's weights has the same array. Raises TrainingError if the file is no such model, or is cut short.
    """
    source = BinaryFile(path)
    version = source.number("I")
    if version != VERSION:
        raise TrainingError(f"{path} states version {version} of CTranslate2's format; only {VERSION} can be read")
    found = _text(source)
    if found != kind:
        raise TrainingError(f"{path} holds a model of the kind {found!r}, and {kind!r} is needed")
    source.number("I")  # the revision of the kind: whoever takes the weights checks their names
    stored = dict(_variable(source) for _ in range(source.number("I")))
    weights = {name: _as_numbers(path, stored, name) for name in stored if not _is_scale(stored, name)}
    for _ in range(source.number("I")):
        alias, name = _text(source), _text(source)
        if name not in weights:
            raise TrainingError(f"{path} says that {alias} is {name}, which it does not hold")
        weights[alias] = weights[name]
    source.require_end()
    return weights


def _text(source: BinaryFile) -> str:
    return source.name(source.number("H"))


def _variable(source: BinaryFile) -> tuple[str, Array]:
    name = _text(source)
    shape = tuple(source.number("I") for _ in range(source.number("B")))
    kind, num_bytes = source.number("B"), source.number("I")
    if kind not in TYPES:
        raise TrainingError(f"{source.path} holds {name} in type {kind}; only {sorted(TYPES)} can be read")
    is_sized = len(shape) <= MOST_DIMENSIONS and 0 not in shape
    if not is_sized or math.prod(shape) * TYPES[kind].itemsize != num_bytes:
        raise TrainingError(
            f"{source.path} holds {name} of shape {shape} in {num_bytes} bytes, which do not fit one another"
        )
    return name, np.frombuffer(source.take(num_bytes), TYPES[kind]).reshape(shape)


def _is_scale(stored: Tensors, name: str) -> bool:
    return name.endswith(SCALE) and name.removesuffix(SCALE) in stored


def _as_numbers(path: Path, stored: Tensors, name: str) -> Array:
    array, scale = stored[name], stored.get(f"{name}{SCALE}")
    if scale is None:
        return array.astype(np.float32) if array.dtype.kind == "f" else array
    numbers = array.astype(np.float32)
    if array.dtype == INT8 and scale.dtype == np.float32 and scale.shape == array.shape[:1]:
        with np.errstate(all="ignore"):
            numbers /= scale.reshape(-1, *[1] * (array.ndim - 1))
        if np.all(scale > 0) and np.all(np.isfinite(numbers)):
            return numbers
    raise TrainingError(f"{path} holds {name}, {array.dtype} of shape {array.shape}, with scales of another")
