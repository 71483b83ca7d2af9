"""`python -m app models add steps.json`: models in a row as a model of their own."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

from pydantic import BaseModel, Field, PositiveInt, ValidationError

from app.adding.examples import MAX_GOLDEN_NUMBERS, tolerance_of
from app.errors import InvalidArtifact, InvalidInput, ServiceError, first_fault, said
from app.repository.golden import difference
from app.repository.manifest import Golden, Provenance, is_model_name
from app.repository.pipeline import PipelineManifest, References, Step
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.contracts import PipelineParameters, own_contract
from app.serving.engine import Ask
from app.serving.local import LocalEngine
from app.tasks.schema import Schema
from app.tasks.view import to_json
from app.telemetry import Telemetry

SUFFIX = ".json"
ANSWER_S = 60.0  # for one golden example; a deadline, since the engine asks for one


class StepWish(Schema):
    """A step as somebody writes it: the version is the newest one unless he says, and is pinned then."""

    name: str
    model: str
    version: PositiveInt | None = None
    view: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, References] = Field(default_factory=dict)


class PipelineWish(Schema):
    description: str = ""
    licence: str = ""
    steps: Annotated[list[StepWish], Field(min_length=2)]
    example: Annotated[Any, Field(description="an item; that of the first step's task, if there is none")] = None


def add_pipeline(file: Path, name: str, models: Path) -> PipelineManifest:
    """Publish the steps that `file` names under `models`, as the next version of `name`.

    The whole is run on the example, and what it answers is its golden example, if it answers the same again. Raises
    InvalidInput for a bad name and InvalidArtifact for steps that are not there or do not fit; nothing is published
    then.
    """
    if not is_model_name(name):
        raise InvalidInput(f"{name!r} is not a model's name: lower-case letters and digits, joined by - _ or .")
    try:
        wish = PipelineWish.model_validate_json(file.read_bytes())
        repository = ModelRepository(models)
        fields: dict[str, Any] = {
            "description": wish.description,
            "licence": wish.licence,
            "steps": tuple(_pinned(step, repository) for step in wish.steps),
            "provenance": Provenance(
                recipe="models add",
                command=f"python -m app models add {quote(file.name)} --name {name}",
                created=datetime.now(UTC).isoformat(timespec="seconds"),
            ),
        }
        manifest = PipelineManifest(name=name, version=1, **fields)
    except OSError as error:
        raise InvalidArtifact(f"{file.name} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise InvalidArtifact(f"{file.name}: {said(first_fault(error))}") from None
    golden, limits = asyncio.run(_golden(manifest, models, wish.example))
    published = publish(models, name, {}, kind=PipelineManifest, golden=golden, limits=limits, **fields)
    assert isinstance(published, PipelineManifest)
    return published


def _pinned(wish: StepWish, repository: ModelRepository) -> Step:
    versions = repository.versions(wish.model) if is_model_name(wish.model) else []
    if (wish.version is not None and wish.version not in versions) or not versions:
        which = "" if wish.version is None else f" version {wish.version}"
        there = ", ".join(repository.names()) or "none"
        raise InvalidArtifact(f"step {wish.name}: there is no model {wish.model}{which}; there are: {there}")
    version = wish.version or versions[0]
    task = repository.read(wish.model, version).task
    return Step(version=version, task=task, **wish.model_dump(exclude={"version"}))


async def _golden(manifest: PipelineManifest, models: Path, example: Any) -> tuple[Sequence[Golden], Sequence[str]]:
    """Return the pipeline's answer here, served from a folder of its own beside the models that it asks."""
    with tempfile.TemporaryDirectory(prefix="tessera-") as folder:
        for step in manifest.steps:
            (Path(folder) / step.model).mkdir(exist_ok=True)
            here = Path(folder) / step.model / str(step.version)
            if not here.exists():
                here.symlink_to((models / step.model / str(step.version)).resolve(), target_is_directory=True)
        _write(Path(folder), manifest)
        engine = LocalEngine(ModelRepository(Path(folder)), Telemetry(), options=RuntimeOptions(device="cpu"))
        try:
            await engine.load()
            return await _answered(engine, manifest, example)
        finally:
            await engine.stop()


def _write(root: Path, manifest: PipelineManifest) -> None:
    folder = root / manifest.name / str(manifest.version)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest.model_dump_json())


async def _answered(
    engine: LocalEngine, manifest: PipelineManifest, example: Any
) -> tuple[Sequence[Golden], Sequence[str]]:
    """A golden example; or none, and in words why not."""
    (status,) = engine.status(manifest.name).models
    if reason := next((one.reason for one in status.versions if one.reason), ""):
        raise InvalidArtifact(reason)
    contract = own_contract(manifest)
    item = json.loads(json.dumps(dict(contract.example))) if example is None else _named(contract.Input, example)
    try:
        asked = contract.Input.model_validate(item)
        ask = Ask(manifest.name, None, contract.name, [asked], PipelineParameters(), ANSWER_S)
        first, second = [to_json((await engine.predict(ask)).outputs[0]) for _ in range(2)]
    except ValidationError as error:
        raise InvalidArtifact(f"example: {said(first_fault(error))}") from None
    except ServiceError as error:
        raise InvalidArtifact(f"the example is not answered: {error}") from None
    numbers = list(_numbers(contract.comparable(first)))
    if len(numbers) > MAX_GOLDEN_NUMBERS:
        return (), (f"Has no golden example: it would be {len(numbers)} numbers.",)
    tolerance = tolerance_of(numbers)
    if difference(contract.comparable(first), contract.comparable(second), tolerance):
        return (), ("Has no golden example: it gives another answer each time.",)
    return (Golden(input=item, output=first, tolerance=tolerance),), ()


def _numbers(output: Any) -> Iterator[float]:
    if isinstance(output, dict | list):
        for one in output.values() if isinstance(output, dict) else output:
            yield from _numbers(one)
    elif isinstance(output, int | float) and isfinite(output):
        yield output


def _named(schema: type[BaseModel], example: Any) -> Mapping[str, Any]:
    """An item, of which the first field may be given bare."""
    name, field = next(iter(schema.model_fields.items()))
    return example if isinstance(example, dict) else {field.alias or name: example}
