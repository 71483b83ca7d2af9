"""From the answers of the HTTP routes to ModelInferResponse."""

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import from_json

from app.api.grpc.messages import MESSAGES, field_number
from app.api.grpc.requests import TEXT_OUTPUT
from app.api.grpc.wire import put_together
from app.api.v2.reading import LENGTH

RAW = field_number("ModelInferResponse", "raw_output_contents")
RESPONSE = field_number("ModelStreamInferResponse", "infer_response")
FINAL = "triton_final_response"
TEXT = {"name": TEXT_OUTPUT, "datatype": "BYTES", "shape": [1]}


def of_tensors(body: Sequence[bytes | memoryview], head_length: int, is_final: bool | None = None) -> bytes:
    """Return the message of an answer, whose head of JSON has so many bytes; `is_final` says whether others follow.

    The bytes of its tensors are copied twice, so it is not quick if they are many.
    """
    answer = memoryview(b"".join(body))
    head = from_json(bytes(answer[:head_length]))
    contents, position = [], head_length
    for output in head["outputs"]:
        size = output.pop("parameters")["binary_data_size"]
        contents.append(answer[position : position + size])
        position += size
    return put_together(_head(head, is_final), RAW, contents)


def of_text(body: bytes, id: str, is_final: bool | None = None) -> bytes:
    """Return the message of a text, or of a piece of one."""
    answer = from_json(body)
    text = answer["text_output"].encode()
    head = {**answer, "id": id, "outputs": [TEXT]}
    return put_together(_head(head, is_final), RAW, [LENGTH.pack(len(text)) + text])


def of_event(event: bytes, id: str) -> bytes:
    """Return the message of a stream for an event of a text, which may say that it has failed."""
    told = from_json(event)
    return failed_in_stream(told["error"], "", id) if "error" in told else in_stream(of_text(event, id, False))


def empty_final(model: str, version: str, id: str) -> bytes:
    """Return the message of a stream that says of a text that it has ended."""
    return in_stream(_head({"model_name": model, "model_version": version, "id": id, "outputs": []}, True))


def in_stream(response: bytes) -> bytes:
    return put_together(b"", RESPONSE, [response])


def failed_in_stream(error: str, model: str, id: str) -> bytes:
    response = MESSAGES["ModelInferResponse"](model_name=model, id=id)
    return bytes(MESSAGES["ModelStreamInferResponse"](error_message=error, infer_response=response).SerializeToString())


def events_of(body: bytes) -> Iterator[bytes]:
    """The data of server-sent events, of which there are only whole ones; comments have none."""
    for event in body.split(b"\n\n"):
        if event.startswith(b"data: "):
            yield event.removeprefix(b"data: ")


def _head(answer: dict[str, Any], is_final: bool | None) -> bytes:
    response = MESSAGES["ModelInferResponse"](
        model_name=answer["model_name"],
        model_version=answer["model_version"],
        id=answer.get("id", ""),
        outputs=[MESSAGES["InferOutputTensor"](**output) for output in answer["outputs"]],
    )
    for name, value in answer.get("parameters", {}).items():
        response.parameters[name].string_param = value
    if is_final is not None:
        response.parameters[FINAL].bool_param = is_final
    return bytes(response.SerializeToString())
