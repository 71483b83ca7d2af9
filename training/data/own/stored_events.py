"""Events that a service stored, to learn from: `--source events`, and with `@TIME` to be judged on what came then."""

import asyncio
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from app.errors import InvalidArtifact, ServiceError
from app.events.database import DEFAULT, Database, Period, database_at
from app.events.moments import read_moment
from app.events.rows import EVENTS, StoredEvent
from app.repository.manifest import Source
from app.repository.repository import ModelRepository
from app.tasks.catalogue import CATALOGUE, CatalogueItem, ItemFinder
from training.data.event_log import EventLog
from training.data.own.events import LEAST_EVENTS, LEAST_PEOPLE
from training.errors import TrainingError

WORD = "events"
URL = "TESSERA_DATABASE_URL"


def are_stored(source: str) -> bool:
    """Whether a `--source` means the events of the service; a folder of that name is ./events."""
    return source.partition("@")[0] == WORD


def stored_events(source: str, model: str, models: Path) -> tuple[EventLog, Source, list[str]]:
    """The histories of the items of `model`, whose newest version in `models` has the catalogue; and remarks.

    An item counts for a person where he had it first. With a time in `source` what was before it is learned, and the
    test is each person's first new item from then on. Raises TrainingError.
    """
    _, _, text = source.partition("@")
    try:
        until = read_moment(text) if text else Period().until
    except ValueError as error:
        raise TrainingError(f"--source {source}: {text} is no time such as 2026-12-01 or 2026-12-01T10:00Z") from error
    catalogue = _catalogue(model, models)
    try:
        if (database := database_at(os.environ.get(URL) or DEFAULT)) is None:
            raise TrainingError(f"--source {source}: {URL} is off")
        read = asyncio.run(_read(database, model, catalogue))
    except (ServiceError, ValueError) as error:
        raise TrainingError(f"--source {source}: {error}") from error
    learned = [past for past in read.before(until) if len(past) >= LEAST_EVENTS]
    if len(learned) < LEAST_PEOPLE:
        raise TrainingError(
            f"--source {source}: {len(learned)} people have events of {LEAST_EVENTS} or more different items of "
            f"{model}, and at least {LEAST_PEOPLE} are needed"
        )
    test = read.test(until) if text else []
    if text and not test:
        raise TrainingError(
            f"--source {source}: nobody has a new item from then on, so there is nothing to be judged on"
        )
    version = f"until {text}" if text else datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ")
    told = Source(
        name="events of the service", version=version, licence="not stated; that of whoever made it",
        sha256=read.digest.hexdigest(), used_for="training and evaluation",
    )  # fmt: skip
    unknown = f"{read.unknown:,} events were of no item of {model}, or of several, and were left out."
    return EventLog(catalogue, learned, test=test), told, [unknown] if read.unknown else []


@dataclass(slots=True)
class _Histories:
    """For each person the items by the time of the first event of each, oldest first."""

    of: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    unknown: int = 0
    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def before(self, until: int) -> list[list[int]]:
        return [[item for at, item in history if at < until] for history in self.of.values()]

    def test(self, since: int) -> list[tuple[list[int], int]]:
        return [
            ([item for at, item in history if at < since], next(item for at, item in history if at >= since))
            for history in self.of.values()
            if history[-1][0] >= since
        ]


async def _read(database: Database, model: str, catalogue: Sequence[CatalogueItem]) -> _Histories:
    finder, read = ItemFinder(catalogue), _Histories()
    firsts: dict[str, dict[int, int]] = {}
    try:
        async for rows in database.read(EVENTS, Period()):
            for row in rows:
                if isinstance(row, StoredEvent) and row.item and row.model in ("", model):
                    read.digest.update(f"{row.person}\n{row.at}\n{row.item}\n".encode())
                    found = finder.find(json.loads(row.item))
                    if len(found) != 1:
                        read.unknown += 1
                        continue
                    first = firsts.setdefault(row.person, {})
                    first[found[0]] = min(row.at, first.get(found[0], row.at))
    finally:
        await database.close()
    read.of = {
        person: sorted(((at, item) for item, at in items.items()), key=lambda one: one[0])
        for person, items in firsts.items()
    }
    return read


def _catalogue(model: str, models: Path) -> list[CatalogueItem]:
    repository = ModelRepository(models)
    if not (versions := repository.versions(model)):
        raise TrainingError(f"no version of {model} is in {models}, and events name the items of its catalogue")
    try:
        manifest = repository.read(model, max(versions))
        return CATALOGUE.validate_json(repository.read_file(manifest, manifest.config["catalogue"]))
    except (InvalidArtifact, KeyError, ValueError) as error:
        raise TrainingError(f"{model} version {max(versions)} has no catalogue that can be read: {error}") from error
