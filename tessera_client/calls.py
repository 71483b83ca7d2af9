"""Calls of the service: what is sent, and how the answer is read. Knows neither sockets nor waiting."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Generic, Literal, TypeVar, overload
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from tessera_client.errors import TesseraError
from tessera_client.results import Label, ModelState, Prediction, RecommendedItem, Summary

T = TypeVar("T")
Image = bytes | Path | str
"""The bytes of an image file, or where the file lies."""


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """`read` makes the result of a response that is a success; `sent` are arguments of `httpx.Client.build_request`."""

    method: str
    path: str
    read: Callable[[httpx.Response], T]
    sent: Mapping[str, Any] = field(default_factory=dict)


def classify_images(
    model: str, images: Sequence[Image], *, top_k: int | None = None, version: int | None = None
) -> Call[Prediction[list[Label]]]:
    """Labels of each image, best first. Raises OSError if a file cannot be read."""
    return predict_images(model, images, list[Label], parameters={"top_k": top_k}, version=version)


def predict_images(
    model: str,
    images: Sequence[Image],
    output: Any = Any,
    *,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    version: int | None = None,
) -> Call[Any]:
    """Images for a model of any task that reads them: detections, masks, vectors.

    `output` is the type of one output, which is validated; parameters that are None are left to the service. Raises
    OSError if a file cannot be read.
    """
    contents = [image if isinstance(image, bytes) else Path(image).read_bytes() for image in images]
    files = [("file", (f"image {i}", content)) for i, content in enumerate(contents)]
    form = {"parameters": json.dumps(_given(parameters))}
    return Call("POST", _predict_path(model, version), _prediction_of(output), {"files": files, "data": form})


def classify_texts(
    model: str,
    texts: Sequence[str],
    *,
    top_k: int | None = None,
    truncate: bool | None = None,
    version: int | None = None,
) -> Call[Prediction[list[Label]]]:
    """Labels of each text, best first."""
    parameters = {"top_k": top_k, "truncate": truncate}
    return predict(model, texts, list[Label], parameters=parameters, version=version)


def summarize(
    model: str,
    texts: Sequence[str],
    *,
    max_sentences: int | None = None,
    max_words: int | None = None,
    truncate: bool | None = None,
    version: int | None = None,
) -> Call[Prediction[Summary]]:
    """The sentences that best stand for each text."""
    parameters = {"max_sentences": max_sentences, "max_words": max_words, "truncate": truncate}
    return predict(model, texts, Summary, parameters=parameters, version=version)


def recommend(
    model: str,
    histories: Sequence[Sequence[int | str]],
    *,
    top_k: int | None = None,
    unknown: Literal["error", "ignore"] | None = None,
    version: int | None = None,
) -> Call[Prediction[list[RecommendedItem]]]:
    """Recommend what is likely to come next after each history of ids or exact titles, oldest first."""
    items = [{"history": list(history)} for history in histories]
    parameters = {"top_k": top_k, "unknown": unknown}
    return predict(model, items, list[RecommendedItem], parameters=parameters, version=version)


def recommend_to(
    model: str, users: Sequence[str], *, top_k: int | None = None, version: int | None = None
) -> Call[Prediction[list[RecommendedItem]]]:
    """Recommend what is likely to come next after the events of each user, those of a moment ago, too."""
    items = [{"user": user} for user in users]
    return predict(model, items, list[RecommendedItem], parameters={"top_k": top_k}, version=version)


def embed(
    model: str, texts: Sequence[str], *, dimensions: int | None = None, truncate: bool | None = None
) -> Call[Prediction[list[float]]]:
    """A vector of length one for each text."""
    # A model whose own task is another one, such as a summarizer, is asked for vectors in this dialect only.
    path = f"/hf/models/{quote(model, safe='')}/pipeline/feature-extraction"
    body = {"inputs": list(texts), "parameters": _given({"dimensions": dimensions, "truncate": truncate})}

    def read(response: httpx.Response) -> Prediction[list[float]]:
        with understood(response):
            vectors = TypeAdapter(list[list[float]]).validate_json(response.content)
            version = response.headers.get("x-model-version")
            return Prediction[list[float]].model_validate(
                {"outputs": vectors, "model": model, "version": version, "request_id": _request_id(response)}
            )

    return Call("POST", path, read, {"json": body})


@overload
def predict(
    model: str, inputs: Sequence[Any], *, parameters: Mapping[str, Any] = ..., version: int | None = ...
) -> Call[Prediction[Any]]: ...
@overload
def predict(
    model: str,
    inputs: Sequence[Any],
    output: type[T],
    *,
    parameters: Mapping[str, Any] = ...,
    version: int | None = ...,
) -> Call[Prediction[T]]: ...
def predict(
    model: str,
    inputs: Sequence[Any],
    output: Any = Any,
    *,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    version: int | None = None,
) -> Call[Any]:
    """Items of any task as JSON values; `output` is the type of one output, which is validated.

    Parameters that are None are left to the service.
    """
    body = {"inputs": list(inputs), "parameters": _given(parameters)}
    return Call("POST", _predict_path(model, version), _prediction_of(output), {"json": body})


@overload
def explain(
    model: str, inputs: Sequence[Any], *, parameters: Mapping[str, Any] = ..., version: int | None = ...
) -> Call[Prediction[Any]]: ...
@overload
def explain(
    model: str,
    inputs: Sequence[Any],
    output: type[T],
    *,
    parameters: Mapping[str, Any] = ...,
    version: int | None = ...,
) -> Call[Prediction[T]]: ...
def explain(
    model: str,
    inputs: Sequence[Any],
    output: Any = Any,
    *,
    parameters: Mapping[str, Any] = MappingProxyType({}),
    version: int | None = None,
) -> Call[Any]:
    """Why a model answers items so, which are as in `predict`; what a reason is depends on the task."""
    body = {"inputs": list(inputs), "parameters": _given(parameters)}
    return Call("POST", _model_path(model, version) + "/explain", _prediction_of(output), {"json": body})


def list_models() -> Call[list[ModelState]]:
    def read(response: httpx.Response) -> list[ModelState]:
        with understood(response):
            return _Listing.model_validate_json(response.content).models

    return Call("GET", "/v1/models", read)


class _Listing(BaseModel):
    models: list[ModelState]


def _prediction_of(output: type[T]) -> Callable[[httpx.Response], Prediction[T]]:
    def read(response: httpx.Response) -> Prediction[T]:
        with understood(response):
            found: Prediction[T] = Prediction[output].model_validate_json(response.content)  # type: ignore[valid-type]
            return found.model_copy(update={"request_id": _request_id(response)})

    return read


@contextmanager
def understood(response: httpx.Response) -> Iterator[None]:
    """An answer that is read within and cannot be is a TesseraError."""
    try:
        yield
    except ValidationError as error:
        raise TesseraError(
            f"the answer is not what a model of this task gives: {error}",
            status=response.status_code,
            request_id=_request_id(response),
        ) from error


def _request_id(response: httpx.Response) -> str:
    return str(response.headers.get("x-request-id", ""))


def _predict_path(model: str, version: int | None) -> str:
    return _model_path(model, version) + "/predict"


def _model_path(model: str, version: int | None) -> str:
    return f"/v1/models/{quote(model, safe='')}" + ("" if version is None else f"/versions/{version}")


def _given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if value is not None}
