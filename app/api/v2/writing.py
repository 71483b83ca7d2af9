"""From tensors to the bytes of a response, which has the form that reading.py describes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic_core import to_json

from app.api.media.json_text import JsonLimits
from app.api.v2.reading import DEFAULT_LIMITS, LENGTH, Asked, OutputForm
from app.errors import PayloadTooLarge
from app.serving.raw import RawAnswer
from app.tasks.json_pieces import array_of
from app.tasks.nested_lists import json_of
from app.tensors import NUMPY_TYPES, Array

DATATYPES: dict[np.dtype[Any], str] = {kind: name for name, kind in NUMPY_TYPES.items()}
SORTED_ELEMENTS = 1_000_000  # at a time: as FP64, negated, and as indices they take 24 MB
SLICE_BYTES = 1_000_000  # copied in a tenth of a millisecond


@dataclass(frozen=True, slots=True)
class WrittenOutput:
    """One output of an answer: its elements as JSON will be written of `array`, unless `binary` has them."""

    description: dict[str, Any]
    array: Array
    binary: bytes | memoryview | None


def outputs_of(asked: Asked, answer: RawAnswer, limits: JsonLimits = DEFAULT_LIMITS) -> list[WrittenOutput]:
    """Return the outputs of an answer, in the order and in the forms in which they are wanted.

    Raises PayloadTooLarge if more classes are asked for than `limits` allow values.
    """
    return [
        _output(form, answer, limits.max_values)
        for form in asked.outputs or [OutputForm(name, asked.is_binary) for name in answer.tensors]
    ]


def written(
    model: str, version: int, id: str | None, outputs: Sequence[WrittenOutput], answered_by: Sequence[str] = ()
) -> Iterator[bytes]:
    """The JSON of the answer to the request `id`, in pieces of some thousand elements.

    `answered_by` names the step of a cascade that gave it.
    """
    head: dict[str, Any] = {
        "model_name": model,
        "model_version": str(version),
        **({} if id is None else {"id": id}),
        **({"parameters": {"answered_by": answered_by[0]}} if answered_by else {}),
    }
    yield to_json(head)[:-1] + b',"outputs":'
    yield from array_of(map(_written_output, outputs))
    yield b"}"


def _output(form: OutputForm, answer: RawAnswer, max_values: int) -> WrittenOutput:
    array = answer.tensors[form.name]
    if form.num_classes:
        num_rows = len(array) if array.ndim > 1 else 1
        num_texts = min(num_rows * form.num_classes, array.size)
        if num_texts > max_values:  # each is an object of its own
            raise PayloadTooLarge(f"these are {num_texts} classes, and an answer may have {max_values}").under(
                "outputs", form.name
            )
        array = classified(array, form.num_classes, answer.class_names.get(form.name, ()))
    description: dict[str, Any] = {"name": form.name, "datatype": DATATYPES[array.dtype], "shape": list(array.shape)}
    if not form.is_binary:
        return WrittenOutput(description, array, None)
    binary = _bytes_of(array)
    return WrittenOutput({**description, "parameters": {"binary_data_size": len(binary)}}, array, binary)


def _written_output(output: WrittenOutput) -> Iterator[bytes]:
    if output.binary is not None:
        yield to_json(output.description)
        return
    yield to_json(output.description)[:-1] + b',"data":'
    yield from json_of(output.array.ravel())
    yield b"}"


def classified(array: Array, count: int, names: Sequence[str]) -> Array:
    """The `count` largest of each row as texts "value:index:name", or "value:index" if `names` are others' (Triton)."""
    rows = array.reshape(len(array), -1) if array.ndim > 1 else array.reshape(1, -1)
    best = _best(rows, min(count, rows.shape[1]))
    suffixes = [f":{name}" for name in names] if len(names) == rows.shape[1] else [""] * rows.shape[1]
    written = "{:f}".format if array.dtype.kind == "f" else "{}".format
    texts = [
        f"{written(rows[i, j])}:{j}{suffixes[j]}" for i, indices in enumerate(best.tolist()) for j in indices
    ]  # fmt: skip
    return np.array(texts, np.object_).reshape(best.shape if array.ndim > 1 else best.shape[1:])


def _best(rows: Array, count: int) -> Array:
    """Indices of the `count` largest of each row, [rows, count], largest first."""
    best = np.empty((len(rows), count), np.int64)
    step = max(1, SORTED_ELEMENTS // max(rows.shape[1], 1))
    for start in range(0, len(rows), step):  # of all rows at once, the indices of all elements take much memory
        some = rows[start : start + step].astype(np.float64)
        best[start : start + step] = np.argsort(-some, axis=1, kind="stable")[:, :count]
    return best


def sliced(content: bytes | memoryview) -> Iterator[bytes]:
    """`content` in pieces that are copied in no time, and are gone when they are sent."""
    for start in range(0, len(content), SLICE_BYTES):
        yield bytes(content[start : start + SLICE_BYTES])


def _bytes_of(array: Array) -> bytes | memoryview:
    if array.dtype != np.object_:
        return array.astype(array.dtype.newbyteorder("<"), copy=False).reshape(-1).view(np.uint8).data
    texts = [one if isinstance(one, bytes) else one.encode() for one in array.ravel().tolist()]
    return b"".join(part for text in texts for part in (LENGTH.pack(len(text)), text))
