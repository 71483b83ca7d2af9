"""The numbers that a classifier has for its classes: in which output, and whether they are probabilities."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from app.errors import InvalidArtifact, InvalidInput
from app.tasks.labels import FunctionToApply
from app.tensors import Array, Tensors

Meaning = tuple[FunctionToApply, bool]
"""The function that makes scores of them, and whether the graph has applied it."""

OUTPUTS: Mapping[str, Meaning] = {
    "logits": ("softmax", False),
    "probabilities": ("softmax", True),
    "independent-logits": ("sigmoid", False),
    "independent-probabilities": ("sigmoid", True),
    "numbers": ("none", False),
}
"""By the word that says it: of one class out of several, of any number of classes, or no scores at all."""

ROUNDING = 1e-2  # of a sum of probabilities, which may be fp16


class Classes(NamedTuple):
    output: str
    outputs: str
    """One of OUTPUTS."""

    @property
    def function(self) -> FunctionToApply:
        return OUTPUTS[self.outputs][0]

    @property
    def is_applied(self) -> bool:
        return OUTPUTS[self.outputs][1]

    def said(self, wished: str | None) -> str:
        """A sentence for whoever adds the graph, and has said so much."""
        by = "" if wished else ", by its answers to a few items; --outputs says otherwise"
        return f"its output {self.output} has {self.outputs}{by}"


def classes_of(answers: Sequence[Tensors], count: int, output: str | None, outputs: str | None) -> Classes:
    """Find the numbers of `count` classes in answers to real items, each without a batch dimension.

    `output` and `outputs` are what is known of them. Raises InvalidInput if they do not fit, or more must be known;
    InvalidArtifact if they are not finite.
    """
    output = _output(answers[0], count, output)
    numbers = np.stack([answer[output] for answer in answers]).astype(np.float64)
    if not np.isfinite(numbers).all():
        raise InvalidArtifact(f"its output {output} has numbers that are not finite")
    if outputs is None:
        return Classes(output, _told(numbers, output))
    if fault := OUTPUTS[outputs][1] and _why_no_probabilities(numbers, is_one=OUTPUTS[outputs][0] == "softmax"):
        raise InvalidInput(f"--outputs {outputs}: {output} has {fault}")
    return Classes(output, outputs)


def _output(answer: Tensors, count: int, output: str | None) -> str:
    if output is not None and output not in answer:
        raise InvalidInput(f"--output {output}: the graph has no such output; it has {', '.join(answer)}")
    floats = {
        name: array
        for name, array in answer.items()
        if array.dtype.kind == "f" and array.ndim == 1 and output in (None, name)
    }
    fitting = [name for name, array in floats.items() if len(array) == count]
    if len(fitting) > 1:
        raise InvalidInput(f"its outputs {' and '.join(fitting)} have {count} numbers each: say which with --output")
    if not fitting:
        there = ", ".join(f"{name} {_shape(array)}" for name, array in answer.items()) or "no output"
        raise InvalidInput(f"--labels: there are {count} names, and for one item the graph has {there}")
    return fitting[0]


def _told(numbers: Array, output: str) -> str:
    """One of OUTPUTS, by numbers [items, classes]."""
    if numbers.shape[1] == 1:
        raise InvalidInput(
            f"its output {output} has one number, which may be anything: say what with --outputs "
            "independent-logits, independent-probabilities or numbers"
        )
    if not _why_no_probabilities(numbers, is_one=True):
        return "probabilities"
    if not _why_no_probabilities(numbers, is_one=False):
        raise InvalidInput(
            f"its output {output} has numbers from 0 to 1 that do not sum to one: say with --outputs whether they are "
            "independent-probabilities, logits or independent-logits"
        )
    return "logits"


def _why_no_probabilities(numbers: Array, *, is_one: bool) -> str:
    """Return what speaks against probabilities, of one class (`is_one`) or of each by itself; "" if nothing does."""
    outside = numbers[(numbers < 0) | (numbers > 1 + ROUNDING)]
    if outside.size:
        return f"{outside.flat[0]:g}, and they are from 0 to 1"
    sums = numbers.sum(axis=1)
    unlike = sums[np.abs(sums - 1) > ROUNDING]
    return f"a sum of {unlike.flat[0]:g} for one item" if is_one and unlike.size else ""


def _shape(array: Array) -> str:
    return "one number" if array.shape in ((), (1,)) else f"{' x '.join(map(str, array.shape))} numbers"
