"""From a request body, in any of the forms we read, to typed items and parameters."""

from typing import Any, NamedTuple

from pydantic import ValidationError
from starlette.requests import Request

from app.api.contracts import bodies_of
from app.api.errors import faults_of, invalid_input, validated
from app.api.media.csv_lines import CSV, read_lines
from app.api.media.forms import read_form
from app.api.media.json_text import JsonLimits, read_json
from app.api.media.raw import is_file
from app.errors import InvalidInput, PayloadTooLarge
from app.tasks.contract import Contract

MULTIPART = "multipart/form-data"
FILE_FIELDS = ("file", "files")  # that hold one even if the client names neither it nor its type


class Sent(NamedTuple):
    items: list[Any]
    parameters: Any
    wants_stream: bool = False
    """Whether the body asks for the outputs piece by piece."""


def read_items(request: Request, body: bytes, contract: Contract, max_items: int, limits: JsonLimits) -> Sent:
    """Items and parameters of a native request: JSON, or for a task with a binary field files or one raw body; or CSV.

    Raises InvalidInput and PayloadTooLarge.
    """
    if is_raw(request, body, contract):
        items = [validated(contract.Input, {contract.binary_field: body})]
        return Sent(items, validated(contract.Parameters, dict(request.query_params), "parameters"))
    if contract.binary_field and _content_type(request) == MULTIPART:
        return _uploaded(request, body, contract, max_items, limits)
    if contract.Line and _content_type(request) == CSV:
        items = [contract.Line.model_construct(line) for line in read_lines(body, max_items)]
        return Sent(items, validated(contract.Parameters, dict(request.query_params), "parameters"))
    return _from_json(request, body, contract, max_items, limits)


def is_raw(request: Request, body: bytes, contract: Contract) -> bool:
    """Whether the body is a file as it is, which is read in no time, however large."""
    return contract.binary_field is not None and is_file(body, _content_type(request))


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _from_json(request: Request, body: bytes, contract: Contract, max_items: int, limits: JsonLimits) -> Sent:
    read = read_json(body, limits, hint=_hint(contract))
    try:
        if request.scope["query_string"] and request.query_params:
            named = ", ".join(request.query_params)
            raise InvalidInput(f"parameters of a JSON request belong in its body: {named:.200}")
        if contract.Piece is None and isinstance(read, dict) and "stream" in read:
            raise no_pieces(contract).under("stream")
        sent: Any = bodies_of(contract, max_items).Request.model_validate(read)
    except ValidationError as error:
        faults = faults_of(error)
        if faults[0]["type"] == "too_long" and faults[0]["loc"] == ("inputs",):
            raise PayloadTooLarge(f"more than {max_items} inputs; a request may have {max_items}") from None
        raise invalid_input(faults) from None
    return Sent(sent.inputs, sent.parameters, contract.Piece is not None and sent.stream)


def no_pieces(contract: Contract) -> InvalidInput:
    return InvalidInput(f"an answer of {contract.name} comes as a whole, and has no pieces that could be streamed")


def _hint(contract: Contract) -> str:
    if contract.Line:
        return f"; to send lines of a file, say so: Content-Type {CSV}"
    if contract.binary_field is None:
        return ""
    kind = contract.binary_field
    usual = {"image": "image/jpeg", "audio": "audio/flac"}[kind]
    return f"; to send a file as it is, say so: Content-Type {usual} (or another {kind}/*), or multipart/form-data"


def _uploaded(request: Request, body: bytes, contract: Contract, max_items: int, limits: JsonLimits) -> Sent:
    """Every uploaded file is an item; other fields are parameters, or the field `parameters` holds them as JSON."""
    assert contract.binary_field
    form = read_form(
        body, request.headers["content-type"], {contract.binary_field, f"{contract.binary_field}s", *FILE_FIELDS}
    )
    fields: dict[str, Any] = {**request.query_params, **form.fields}
    if "parameters" in fields:
        fields |= _json_object(fields.pop("parameters"), limits)
    if not form.files:
        raise InvalidInput("the form has no file; each uploaded file is an input")
    if len(form.files) > max_items:
        raise PayloadTooLarge(f"{len(form.files)} inputs; a request may have {max_items}")
    items = [validated(contract.Input, {contract.binary_field: file}, "inputs", i) for i, file in enumerate(form.files)]
    return Sent(items, validated(contract.Parameters, fields, "parameters"))


def _json_object(text: str, limits: JsonLimits) -> dict[str, Any]:
    try:
        found = read_json(text.encode(), limits, "not valid JSON")
    except InvalidInput as error:
        raise error.under("parameters") from None
    if not isinstance(found, dict):
        raise InvalidInput("parameters: must be a JSON object")
    return found
