"""The schema of both databases, step by step. What was released is never changed: a change is one more step."""

from collections.abc import Sequence

from app.errors import EventsUnavailable

MIGRATIONS: Sequence[Sequence[str]] = (
    (
        """CREATE TABLE tessera_events (
            seq {counted}, sender TEXT NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL, at BIGINT NOT NULL,
            received BIGINT NOT NULL, person TEXT NOT NULL, model TEXT NOT NULL, item TEXT NOT NULL,
            request TEXT NOT NULL, value DOUBLE PRECISION, details TEXT NOT NULL, UNIQUE (sender, id))""",
        "CREATE INDEX tessera_events_of_person ON tessera_events (person, at)",
        "CREATE INDEX tessera_events_at ON tessera_events (at)",
        """CREATE TABLE tessera_answers (
            seq {counted}, request TEXT NOT NULL UNIQUE, at BIGINT NOT NULL, person TEXT NOT NULL, model TEXT NOT NULL,
            version BIGINT NOT NULL, view TEXT NOT NULL, input TEXT NOT NULL, output TEXT NOT NULL)""",
        "CREATE INDEX tessera_answers_of_person ON tessera_answers (person)",
        "CREATE INDEX tessera_answers_at ON tessera_answers (at)",
    ),
)
NEWEST = len(MIGRATIONS)


def steps_from(version: int, counted: str) -> list[str]:
    """Return the statements that lead from a schema to the newest; `counted` makes a column count its rows.

    Raises EventsUnavailable if the schema is newer than this service.
    """
    if version > NEWEST:
        raise EventsUnavailable(
            f"the database has schema {version}, and this service knows schemas up to {NEWEST}: "
            "a newer service has changed it"
        )
    return [statement.format(counted=counted) for step in MIGRATIONS[version:] for statement in step]
