"""Batches and files in the document."""

from typing import Any

from pydantic import BaseModel

from app.api.batches.schemas import (
    BatchForm,
    BatchList,
    BatchObject,
    BatchRequest,
    FileDeleted,
    FileForm,
    FileList,
    FileObject,
)
from app.api.documented import BodySchema
from app.api.http.routes import Operation

FORM, JSON = "multipart/form-data", "application/json"
MAKES = """\
A file of many questions, answered in order when nobody else asks, also after a restart. Either each line is an item for
one `model` (JSONL, CSV or Parquet), or a whole request to one `endpoint`, as OpenAI's batches have them. With
`multipart/form-data` the file comes with it."""
EXAMPLE = {"model": "reviews-sentiment", "inputs": ["what a film", "two hours of my life"]}


def _name(name: str, kind: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "example": f"{kind}-…"}}


def _query(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": schema}


LIMIT = _query("limit", {"type": "integer", "minimum": 1, "maximum": 100})
AFTER = _query("after", {"type": "string"})


def _operation(
    name: str, summary: str, Answer: type[BaseModel] | None, *parameters: dict[str, Any], about: str = "", **more: Any
) -> Operation:
    content = {JSON: {"schema": BodySchema(Answer, "serialization")}} if Answer else {"application/jsonl": {}}
    return {
        "summary": summary,
        **({"description": about} if about else {}),
        "operationId": name,
        **({"parameters": list(parameters)} if parameters else {}),
        **more,
        "responses": {"200": {"description": summary, "content": content}},
    }


MAKE = _operation(
    "make_batch",
    "Make a batch job",
    BatchObject,
    about=MAKES,
    requestBody={
        "required": True,
        "content": {
            JSON: {"schema": BodySchema(BatchRequest, "validation"), "example": EXAMPLE},
            FORM: {"schema": BodySchema(BatchForm, "validation")},
        },
    },
)
LIST = _operation("list_batches", "Your batch jobs, newest first", BatchList, LIMIT, AFTER)
FIND = _operation("find_batch", "How far a batch job is", BatchObject, _name("batch", "batch"))
CANCEL = _operation("cancel_batch", "End a batch job, and keep what is done", BatchObject, _name("batch", "batch"))
SEND_FILE = _operation(
    "send_file",
    "Send a file for batch jobs",
    FileObject,
    requestBody={"required": True, "content": {FORM: {"schema": BodySchema(FileForm, "validation")}}},
)
LIST_FILES = _operation(
    "list_files", "Your files, newest first", FileList, LIMIT, AFTER, _query("purpose", {"type": "string"}),
    _query("order", {"enum": ["asc", "desc"]}),
)  # fmt: skip
FIND_FILE = _operation("find_file", "One of your files", FileObject, _name("file", "file"))
READ_FILE = _operation("read_file", "The content of a file", None, _name("file", "file"))
DELETE_FILE = _operation("delete_file", "Delete a file that no batch job reads", FileDeleted, _name("file", "file"))
