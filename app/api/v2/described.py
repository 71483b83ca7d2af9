"""Inference in the OpenAPI document: the tensors of each loaded model."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from app.api.documented import FILE, OCTETS, BodySchema, events_of
from app.api.examples import item_of
from app.api.http.routes import Operation
from app.api.v2 import paths
from app.api.v2.ends import VIEW
from app.api.v2.reading import HEADER_LENGTH
from app.api.v2.schemas import GenerateRequest, GenerateResponse, InferenceRequest, InferenceResponse
from app.api.verbatim import shown_golden, verbatim
from app.repository.manifest import Manifest
from app.serving.engine import Served
from app.tensors import NUMPY_TYPES, TensorSpec

VARYING_SIZE = 4  # in an example, of a dimension that may have any
MOST_ELEMENTS = 1000  # in an example on a page


def infer(served: Served) -> Mapping[str, Operation]:
    manifest = served.manifest
    if not manifest.inputs or VIEW in served.contracts:  # a pipeline, which takes items; or a text goes in
        return {}
    content: dict[str, Any] = {"schema": BodySchema(InferenceRequest, "validation")}
    if (example := example_request(manifest)) is not None:
        content["example"] = example
    operation = {
        "summary": f"{manifest.name}: tensors",
        "description": f"Takes {_listed(manifest.inputs)}. Gives {_listed(manifest.outputs)}.\n\nTensors may also "
        f"follow the JSON as bytes, as `tritonclient` sends them; header `{HEADER_LENGTH}` then says where it ends. "
        f"One version that is loaded answers at `{paths.VERSION_INFER.replace('{model}', manifest.name)}`.",
        "operationId": f"infer_{manifest.name}",
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "200": {
                "description": f"the output tensors; those that are asked for as bytes follow the JSON, and header "
                f"`{HEADER_LENGTH}` says where it ends",
                "content": {
                    "application/json": {"schema": BodySchema(InferenceResponse, "serialization")},
                    OCTETS: {"schema": FILE},
                },
            }
        },
    }
    return {paths.INFER.format(model=manifest.name): operation}


def generate(served: Served) -> Mapping[str, Operation]:
    content = {"application/json": {"schema": BodySchema(GenerateResponse, "serialization")}}
    return _generating(served, paths.GENERATE, "text", "the text that goes on", content)


def generate_stream(served: Served) -> Mapping[str, Operation]:
    described = "one event for each piece of the text, whose `text_output` is what is new; none follows the last"
    content = events_of(GenerateResponse, ends_with_done=False)
    return _generating(served, paths.STREAM, "text in pieces", described, content)


def _generating(
    served: Served, path: str, summary: str, described: str, content: Mapping[str, Any]
) -> Mapping[str, Operation]:
    if VIEW not in served.contracts:
        return {}
    name = served.manifest.name
    example = {"text_input": served.contract.example["text"], "parameters": {"max_new_tokens": 32}}
    operation = {
        "summary": f"{name}: {summary}",
        "description": "Parameters are those of the native route, in `parameters` or beside them; `max_tokens` is "
        "another name of `max_new_tokens`.",
        "operationId": f"{path.rsplit('/', 1)[1]}_{name}",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": BodySchema(GenerateRequest, "validation"), "example": example}},
        },
        "responses": {"200": {"description": described, "content": content}},
    }
    return {path.format(model=name): operation}


def example_request(manifest: Manifest) -> dict[str, Any] | None:
    """One row that this very model answers; None if it would be too long to read."""
    if sum(prod(_sizes(spec)) for spec in manifest.inputs) > MOST_ELEMENTS:
        return None
    golden = shown_golden(manifest) if manifest.task == "tensors" else None
    known = golden.input if golden else item_of(manifest) or {}
    return {"inputs": [_example_tensor(spec, known.get(spec.name)) for spec in manifest.inputs]}


def _example_tensor(spec: TensorSpec, item: Any) -> dict[str, Any]:
    """Return a tensor of the golden example or, without one, of ones: valid token ids that mask nothing."""
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
