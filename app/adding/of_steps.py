"""The common part of adding pipelines and cascades: which versions they ask, and what they answer here."""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, TypeVar

from pydantic import Field, PositiveInt, ValidationError
from pydantic_core import from_json

from app.adding.examples import MAX_GOLDEN_NUMBERS, tolerance_of
from app.errors import Detail, InvalidArtifact, InvalidInput, ServiceError, first_fault, said
from app.repository.golden import difference
from app.repository.manifest import Golden, Manifest, Provenance, is_model_name
from app.repository.of_steps import ManifestOfSteps
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.contracts import own_contract
from app.serving.engine import Ask
from app.serving.local import LocalEngine
from app.tasks.contract import named_first
from app.tasks.schema import Schema
from app.tasks.view import to_json
from app.telemetry import Telemetry

ANSWER_S = 60.0  # for one golden example; a deadline, since the engine asks for one

AnyManifest = TypeVar("AnyManifest", bound=ManifestOfSteps)


class StepWish(Schema):
    """A step as somebody writes it: the version is the newest one unless he says, and is pinned then."""

    name: str
    model: str
    version: PositiveInt | None = None


class WishOfSteps(Schema):
    description: str = ""
    licence: str = ""
    example: Annotated[Any, Field(description="an item; that of the task, if there is none")] = None


AnyWish = TypeVar("AnyWish", bound=WishOfSteps)


def read_wish(file: Path, name: str, kind: type[AnyWish]) -> AnyWish:
    """Return what somebody wishes for a model of this name. Raises InvalidInput and InvalidArtifact."""
    if not is_model_name(name):
        raise InvalidInput(f"{name!r} is not a model's name: lower-case letters and digits, joined by - _ or .")
    try:
        content = file.read_bytes()
        return kind.model_validate_json(content)
    except OSError as error:
        raise InvalidArtifact(f"{file.name} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise InvalidArtifact(f"{file.name}: {_by_name(first_fault(error), content)}") from None


def _by_name(fault: Detail, content: bytes) -> str:
    """Return a fault in words, in which a step has its name, if it has one."""
    match fault["loc"]:
        case ["steps", int(at), *inside]:
            step = from_json(content)["steps"][at]
            if isinstance(step, dict) and isinstance(name := step.get("name"), str):
                return f"step {name:.32}: {said({'loc': inside, 'msg': fault['msg']})}"
    return said(fault)


@contextmanager
def refused(where: str) -> Iterator[None]:
    """Raises InvalidArtifact for what is made within and makes no sense."""
    try:
        yield
    except ValidationError as error:
        raise InvalidArtifact(f"{where}: {said(first_fault(error))}") from None


def fields_of(wish: WishOfSteps, file: Path, name: str) -> dict[str, Any]:
    """Return the fields of a manifest that every kind has."""
    return {
        "description": wish.description,
        "licence": wish.licence,
        "provenance": Provenance(
            recipe="models add",
            command=f"python -m app models add {quote(file.name)} --name {name}",
            created=datetime.now(UTC).isoformat(timespec="seconds"),
        ),
    }


def asked_of(wish: StepWish, repository: ModelRepository) -> Manifest:
    """The version that a step asks. Raises InvalidArtifact if there is none."""
    versions = repository.versions(wish.model) if is_model_name(wish.model) else []
    if (wish.version is not None and wish.version not in versions) or not versions:
        which = "" if wish.version is None else f" version {wish.version}"
        there = ", ".join(repository.names()) or "none"
        raise InvalidArtifact(f"step {wish.name}: there is no model {wish.model}{which}; there are: {there}")
    return repository.read(wish.model, wish.version or versions[0])


def publish_answered(manifest: AnyManifest, models: Path, example: Any) -> AnyManifest:
    """Run the whole on the example, and publish it with what it answers as its golden example."""
    golden, limits = asyncio.run(_golden(manifest, models, example))
    fields = {field: getattr(manifest, field) for field in manifest.model_fields_set - {"name", "version"}}
    kind = type(manifest)
    published = publish(models, manifest.name, {}, kind=kind, golden=golden, limits=limits, **fields)
    assert isinstance(published, kind)
    return published


async def _golden(manifest: ManifestOfSteps, models: Path, example: Any) -> tuple[Sequence[Golden], Sequence[str]]:
    """Return its answer here, served from a folder of its own beside the models that it asks."""
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


def _write(root: Path, manifest: ManifestOfSteps) -> None:
    folder = root / manifest.name / str(manifest.version)
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest.model_dump_json())


async def _answered(
    engine: LocalEngine, manifest: ManifestOfSteps, example: Any
) -> tuple[Sequence[Golden], Sequence[str]]:
    """A golden example; or none, and in words why not."""
    (status,) = engine.status(manifest.name).models
    if reason := next((one.reason for one in status.versions if one.reason), ""):
        raise InvalidArtifact(reason)
    contract = own_contract(manifest)
    item = json.loads(json.dumps(dict(contract.example))) if example is None else named_first(contract.Input, example)
    try:
        asked = contract.Input.model_validate(item)
        ask = Ask(manifest.name, None, contract.name, [asked], contract.Parameters(), ANSWER_S)
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
