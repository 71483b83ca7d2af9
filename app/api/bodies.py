"""From a request body, in any of the forms we read, to typed items and parameters."""

from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from python_multipart.multipart import parse_options_header
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from app.api.contracts import contract_of
from app.api.errors import invalid_input
from app.api.surrogates import not_unicode
from app.errors import InvalidInput, PayloadTooLarge
from app.tasks.base import Task

MULTIPART = "multipart/form-data"


async def read_items(request: Request, task: type[Task], max_items: int) -> tuple[list[Any], Any]:
    """Items and parameters of a native request: JSON, or for a task with a binary field files or one raw body.

    Raises InvalidInput and PayloadTooLarge.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if task.binary_field and content_type == MULTIPART:
        items, parameters = await _uploaded(request, task)
    elif task.binary_field and (content_type.startswith("image/") or content_type == "application/octet-stream"):
        items = [_parse(task.Input, {task.binary_field: await request.body()})]
        parameters = _parse(task.Parameters, dict(request.query_params), "parameters")
    else:
        items, parameters = await _from_json(request, task, max_items)
    if len(items) > max_items:
        raise PayloadTooLarge(f"{len(items)} inputs; a request may have {max_items}")
    return items, parameters


async def _from_json(request: Request, task: type[Task], max_items: int) -> tuple[list[Any], Any]:
    if request.scope["query_string"] and request.query_params:
        raise InvalidInput(f"parameters of a JSON request belong in its body: {', '.join(request.query_params)}")
    try:
        body: Any = contract_of(task, max_items).Request.model_validate_json(await request.body())
    except ValidationError as error:
        # One list of all faults: it can be long, and making it twice is dear.
        faults = error.errors(include_url=False, include_input=False)
        if faults[0]["type"] == "json_invalid":
            if fault := not_unicode(await request.body(), faults[0]["ctx"]["error"]):
                raise fault from None
            raise InvalidInput(f"the body is not valid JSON: {faults[0]['ctx']['error']}{_hint(task)}") from None
        if faults[0]["type"] == "too_long" and faults[0]["loc"] == ("inputs",):
            raise PayloadTooLarge(f"more than {max_items} inputs; a request may have {max_items}") from None
        raise invalid_input(faults) from None
    return body.inputs, body.parameters


def _hint(task: type[Task]) -> str:
    if task.binary_field is None:
        return ""
    return "; to send a file as it is, say so: Content-Type image/jpeg (or another image/*), or multipart/form-data"


async def _uploaded(request: Request, task: type[Task]) -> tuple[list[Any], Any]:
    """Every uploaded file is an item; other fields are parameters, or the field `parameters` holds them as JSON."""
    assert task.binary_field
    contents: list[bytes] = []
    fields: dict[str, Any] = dict(request.query_params)
    await _require_its_end(request)
    try:
        async with request.form() as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    contents.append(await value.read())
                else:
                    fields[name] = value
    except (MultiPartException, UnicodeError, LookupError) as error:  # the latter two: of the charset that it names
        raise InvalidInput(f"the form cannot be read: {getattr(error, 'message', error)}") from None
    if "parameters" in fields:
        fields |= _json_object(fields.pop("parameters"))
    if not contents:
        raise InvalidInput("the form has no file; each uploaded file is an input")
    items = [_parse(task.Input, {task.binary_field: content}, "inputs", i) for i, content in enumerate(contents)]
    return items, _parse(task.Parameters, fields, "parameters")


async def _require_its_end(request: Request) -> None:
    """A form that was cut on its way would be read as one with fewer files."""
    _, options = parse_options_header(request.headers["content-type"])
    boundary = options.get(b"boundary", b"")
    if boundary and b"--" + boundary + b"--" not in (await request.body())[-1000 - len(boundary) :]:
        raise InvalidInput("the form is cut: its closing boundary is missing")


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = from_json(text)
    except ValueError as error:
        if fault := not_unicode(text.encode(), str(error)):
            raise fault.under("parameters") from None
        raise InvalidInput(f"parameters: not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise InvalidInput("parameters: must be a JSON object")
    return found


def _parse(schema: type[BaseModel], values: dict[str, Any], *loc: str | int) -> Any:
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        found = invalid_input(error.errors(include_url=False, include_input=False))
        raise found.under(*loc) if loc else found from None
