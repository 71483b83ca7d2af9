"""python -m app events export: what people did, from the command line."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from app.errors import ServiceError
from app.events.database import Period, database_at
from app.events.export import export
from app.events.moments import read_moment
from app.events.rows import ANSWERS, EVENTS


def add_commands(commands: Any) -> None:
    """Put `events …` among the commands of a parser; what they run needs `database_url` in its namespace."""
    events = commands.add_parser("events", help="work on what people did").add_subparsers(required=True)
    exported = events.add_parser("export", help="write events to a file")
    exported.add_argument("file", type=Path, help=".csv or .parquet")
    exported.add_argument("--since", type=_moment, default=0, metavar="TIME", help="such as 2026-12-01T10:15:30Z")
    exported.add_argument("--until", type=_moment, default=Period().until, metavar="TIME", help="of those before it")
    exported.add_argument("--answers", action="store_true", help="the answers that were kept, instead of events")
    exported.set_defaults(run=_export)


def _moment(text: str) -> int:
    try:
        return read_moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no time such as 2026-12-01 or 2026-12-01T10:15:30Z") from error


def _export(chosen: argparse.Namespace, settings: object) -> int:
    try:
        if (database := database_at(chosen.database_url)) is None:
            raise ValueError("no events are kept: TESSERA_DATABASE_URL is off")
        table = ANSWERS if chosen.answers else EVENTS
        count = asyncio.run(export(database, table, Period(chosen.since, chosen.until), chosen.file))
    except (ServiceError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"{count} {'answers' if chosen.answers else 'events'} to {chosen.file}")
    return 0
