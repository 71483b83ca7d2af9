"""Predictions and explanations in the OpenAPI document."""

from collections.abc import Mapping
from typing import Any

from app.api.contracts import Bodies, bodies_of
from app.api.documented import DEADLINE, EVENTS, FILE, OCTETS, BodySchema, events_of
from app.api.examples import columns_of, example_request, item_in_words
from app.api.http.routes import Operation
from app.api.media.csv_lines import CSV, written_lines
from app.api.v1 import paths
from app.api.v1.event_schema import EXAMPLES, MOST_EVENTS, ForgottenUser, SentEvents, StoredEvents
from app.api.verbatim import shown_golden, verbatim
from app.repository.cascade import CascadeManifest
from app.repository.manifest import Manifest
from app.serving.engine import Served
from app.tasks.explanations.base import NAME as EXPLANATION
from app.tasks.generation_schema import TextGenerationConfig
from app.tasks.tables.columns import schema_of, typical_row
from app.tasks.text_generation import TextGeneration


def predict(max_items: int, served: Served) -> Mapping[str, Operation]:
    manifest, contract = served.manifest, served.contract
    bodies = bodies_of(contract, contract.most_items(max_items))
    answer: dict[str, Any] = {"schema": _answer_schema(served, bodies)}
    is_cascade = isinstance(manifest, CascadeManifest)  # of which it is not known which step gives the golden answer
    if not is_cascade and (golden := shown_golden(manifest)):
        answer["example"] = {"model": manifest.name, "version": manifest.version, "outputs": [golden.output]}
    answers = {"application/json": answer}
    described = "one output for each input"
    if contract.binary_answer:
        _, media_type = contract.binary_answer
        answers[media_type] = {"schema": FILE}
        described += f"; with `Accept: {media_type}`, to one input, the file itself"
    if bodies.Event is not None:
        answers |= events_of(bodies.Event, ends_with_done=True)
        described += (
            f"; with `stream` in the body or `Accept: {EVENTS}`, one event for each piece of an output, whose data has "
            "this form: the last piece of each says that it is, after the last of all comes `data: [DONE]`, and an "
            "error that comes after the first piece is an event with the body that it would have had"
        )
    operation = {
        "summary": f"{manifest.name}: {manifest.task}",
        "description": f"{verbatim(manifest.description)}\n\n{contract.about}{item_in_words(manifest)}\n\n"
        f"One version that is loaded answers at `{paths.of(paths.PREDICT_VERSION, manifest.name)}`; "
        f"now this is version {manifest.version}.",
        "operationId": f"predict_{manifest.name}",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": _bodies(served, bodies)},
        "responses": {"200": {"description": described, "content": answers}},
        **({"x-class-names": names} if (names := manifest.config.get("class_names")) else {}),
        **_generation(manifest),
    }
    return {paths.of(paths.PREDICT, manifest.name): operation}


def explain(max_items: int, served: Served) -> Mapping[str, Operation]:
    manifest, contract = served.manifest, served.contracts.get(EXPLANATION)
    if contract is None:
        return {}
    bodies = bodies_of(contract, contract.most_items(max_items))
    operation = {
        "summary": f"{manifest.name}: why it answers so",
        "description": f"{contract.about}\n\n"
        f"The body is that of a prediction, with at most {contract.max_items} inputs. "
        "What it takes goes through the model's own batches, and leaves most of the time to predictions. One version "
        f"that is loaded answers at `{paths.of(paths.EXPLAIN_VERSION, manifest.name)}`.",
        "operationId": f"explain_{manifest.name}",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": _bodies(served, bodies)},
        "responses": {
            "200": {
                "description": "one output for each input",
                "content": {"application/json": {"schema": _answer_schema(served, bodies)}},
            }
        },
    }
    return {paths.of(paths.EXPLAIN, manifest.name): operation}


def _generation(manifest: Manifest) -> dict[str, Any]:
    """Return whether a model that writes text can chat, and what it takes where its caller does not say."""
    if manifest.task != TextGeneration.contract.name:
        return {}
    config = TextGenerationConfig.model_validate(manifest.config)
    told = config.model_dump(include={"context", "max_new_tokens", "temperature", "top_p"})
    return {"x-generation": {"chats": config.chat_template is not None, **told}}


def _bodies(served: Served, bodies: Bodies) -> dict[str, Any]:
    """The forms in which a request may come, with an example in JSON."""
    body: dict[str, Any] = {"schema": _schema(served, bodies)}
    if (example := example_request(served)) is not None:
        body["example"] = example
    content = {"application/json": body}
    if served.contract.binary_field:
        properties = {"file": {"type": "array", "items": FILE}}
        content["multipart/form-data"] = {"schema": {"type": "object", "properties": properties, "required": ["file"]}}
        content[OCTETS] = {"schema": FILE}
    if columns := columns_of(served.manifest):
        lines = [[column.name for column in columns], typical_row(columns).values()]
        content[CSV] = {"schema": {"type": "string"}, "example": written_lines(lines)}
    return content


def _answer_schema(served: Served, bodies: Bodies) -> BodySchema:
    of_cascade = bodies.CascadeResponse if isinstance(served.manifest, CascadeManifest) else None
    return BodySchema(of_cascade or bodies.Response, "serialization")


def _schema(served: Served, bodies: Bodies) -> BodySchema | dict[str, Any]:
    """That of the task; for rows of a table that of this very model, whose columns have names and kinds."""
    columns = columns_of(served.manifest)
    if not columns:
        return BodySchema(bodies.Request, "validation")
    inputs = {**bodies.Request.model_json_schema()["properties"]["inputs"], "items": schema_of(columns)}
    parameters: Any = bodies.Request.model_fields["parameters"].annotation
    return {
        "type": "object",
        "properties": {"inputs": inputs, "parameters": BodySchema(parameters, "validation")},
        "required": ["inputs"],
        "additionalProperties": False,
    }


def store_events() -> Operation:
    examples = {name: {"value": value} for name, value in EXAMPLES.items()}
    sent, stored = BodySchema(SentEvents, "validation"), BodySchema(StoredEvents, "serialization")
    return {
        "summary": "Tell what people did, or what they think of an answer",
        "description": f"One event, or up to {MOST_EVENTS} as a list, all of which are stored, or none. The answer "
        "comes when they are on the disk of the database. From then on a prediction for a `user` follows from them.",
        "operationId": "store_events",
        "parameters": [DEADLINE],
        "requestBody": {"required": True, "content": {"application/json": {"schema": sent, "examples": examples}}},
        "responses": {"200": {"description": "stored", "content": {"application/json": {"schema": stored}}}},
    }


def forget_user() -> Operation:
    forgotten = BodySchema(ForgottenUser, "serialization")
    user = {"name": "user", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "summary": "Delete all that is kept of one user",
        "description": "Events and answers. It holds at once for every service that shares the database.",
        "operationId": "forget_user",
        "parameters": [user],
        "responses": {"200": {"description": "deleted", "content": {"application/json": {"schema": forgotten}}}},
    }
