"""The Open Inference Protocol in the OpenAPI document: one operation for each loaded model, with its tensors."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from app.api.examples import item_of
from app.api.v2.codec import HEADER_LENGTH
from app.api.verbatim import shown_golden, verbatim
from app.repository.manifest import Manifest
from app.tensors import NUMPY_TYPES, TensorSpec

REQUEST, RESPONSE = "InferenceRequest", "InferenceResponse"
VARYING_SIZE = 4
MOST_ELEMENTS = 1000  # in an example on a page


def operation(manifest: Manifest) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{REQUEST}"}}
    if (example := example_request(manifest)) is not None:
        content["example"] = example
    return {
        "tags": ["open inference protocol"],
        "summary": f"{manifest.name}: tensors",
        "description": f"Takes {_listed(manifest.inputs)}. Gives {_listed(manifest.outputs)}.\n\nTensors may also "
        f"follow the JSON as bytes, as `tritonclient` sends them; header `{HEADER_LENGTH}` then says where it ends. "
        f"One version that is loaded answers at `/v2/models/{manifest.name}/versions/{{version}}/infer`.",
        "operationId": f"infer_{manifest.name}",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": {
                "description": "the output tensors",
                "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{RESPONSE}"}}},
            }
        },
    }


def example_request(manifest: Manifest) -> dict[str, Any] | None:
    """One row that this very model answers; None if it would be too long to read."""
    if sum(prod(_sizes(spec)) for spec in manifest.inputs) > MOST_ELEMENTS:
        return None
    golden = shown_golden(manifest) if manifest.task == "tensors" else None
    known = golden.input if golden else item_of(manifest) or {}
    return {"inputs": [_example_tensor(spec, known.get(spec.name)) for spec in manifest.inputs]}


def _example_tensor(spec: TensorSpec, item: Any) -> dict[str, Any]:
    """Of ones, which are valid token ids and mask nothing, unless the golden example has better."""
    if item is not None:
        array = np.array(item, np.object_)
        shape = list(array.shape) if array.ndim == len(spec.shape) else [1, *array.shape]
        return {"name": spec.name, "datatype": spec.datatype, "shape": shape, "data": array.ravel().tolist()}
    shape = _sizes(spec)
    one: Any = {"b": True, "O": "1"}.get(NUMPY_TYPES[spec.datatype].kind, 1)
    return {"name": spec.name, "datatype": spec.datatype, "shape": shape, "data": [one] * prod(shape)}


def _sizes(spec: TensorSpec) -> list[int]:
    first = [1 if size < 0 else size for size in spec.shape[:1]]
    return first + [VARYING_SIZE if size < 0 else size for size in spec.shape[1:]]


def _listed(specs: Sequence[TensorSpec]) -> str:
    return ", ".join(f"{verbatim(spec.name)} {spec.datatype} {list(spec.shape)}" for spec in specs)
