"""python -m app keys add | list | rotate | revoke: the keys of callers from the command line."""

import argparse
import os
import pwd
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from app.audit import audit
from app.errors import ServiceError
from app.keys.file import add_key, read_keys, revoke_key, rotate_key
from app.keys.record import EVERYTHING, OF_A_CALLER, SCOPES, Key
from app.keys.terms import duration_of, moment_of, written

SOON = timedelta(days=14)  # in which whoever gives keys out should care for a new one
ALL = "all"
Run = Callable[[argparse.Namespace], None]

EPILOG = "scopes: " + "; ".join(f"{scope} ({what})" for scope, what in SCOPES.items()) + f"; or {ALL}"


def add_commands(commands: Any) -> None:
    """Put `keys …` among the commands of a parser; what they run needs `keys_file` in its namespace."""
    keys = commands.add_parser("keys", help="work on the keys of callers").add_subparsers(required=True)
    new = keys.add_parser("add", help="make a key and print its secret, which is shown this once", epilog=EPILOG)
    new.add_argument("name", help="says in logs and metrics who called")
    new.add_argument(
        "--scopes", type=_names, default=OF_A_CALLER, help=f"what it may do, with commas ({','.join(OF_A_CALLER)})"
    )
    new.add_argument("--models", type=_names, metavar="NAMES", help="the only models that it may use, with commas")
    new.add_argument("--expires", metavar="WHEN", help="30d, 2027-01-01 or 2027-01-01T12:00Z; never, if left out")
    new.add_argument("--rate", help="requests that it may send: 10/s, 600/min, 5000/day")
    new.add_argument("--quota", help="time in which models may work for it: 30s/min, 2h/day")
    _runs(new, _add)

    _runs(keys.add_parser("list", help="names, first characters, dates, and what each may do"), _list)

    rotate = keys.add_parser("rotate", help="give a key a new secret, and let the old one hold for a while")
    rotate.add_argument("name")
    rotate.add_argument("--overlap", default="1h", help="how long the old secret still holds (%(default)s)")
    rotate.add_argument("--expires", metavar="WHEN", help="when the key ends from now on; as before, if left out")
    _runs(rotate, _rotate)

    revoke = keys.add_parser("revoke", help="let a key in no more")
    revoke.add_argument("name")
    _runs(revoke, _revoke)


def _runs(parser: argparse.ArgumentParser, run: Run) -> None:
    def told(chosen: argparse.Namespace, _: object) -> int:
        try:
            run(chosen)
        except (ServiceError, ValueError, OSError) as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        return 0

    parser.set_defaults(run=told)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not names:
        raise argparse.ArgumentTypeError("names none")
    return EVERYTHING if names == (ALL,) else names


def _add(chosen: argparse.Namespace) -> None:
    expires = moment_of(chosen.expires, _now()) if chosen.expires else None
    terms = {"scopes": chosen.scopes, "models": chosen.models, "rate": chosen.rate, "quota": chosen.quota}
    secret = add_key(chosen.keys_file, chosen.name, expires=expires, **terms)
    audit(_who(), "keys add", "done", key=chosen.name)
    print(secret)
    (key,) = (one for one in read_keys(chosen.keys_file) if one.name == chosen.name)
    print(f"It may: {'; '.join([*_may(key), *_ends(key, _now())])}.", file=sys.stderr)
    print("Shown this once. Send it as Authorization: Bearer … or X-API-Key: …", file=sys.stderr)


def _list(chosen: argparse.Namespace) -> None:
    for key in read_keys(chosen.keys_file):
        print("\t".join([key.name, f"{key.start}…", written(key.created), *_may(key), *_ends(key, _now())]))


def _rotate(chosen: argparse.Namespace) -> None:
    now = _now()
    expires = moment_of(chosen.expires, now) if chosen.expires else None
    secret = rotate_key(chosen.keys_file, chosen.name, duration_of(chosen.overlap), expires)
    audit(_who(), "keys rotate", "done", key=chosen.name)
    print(secret)
    print(f"Shown this once. The old secret holds for {chosen.overlap} more.", file=sys.stderr)


def _revoke(chosen: argparse.Namespace) -> None:
    revoke_key(chosen.keys_file, chosen.name)
    audit(_who(), "keys revoke", "done", key=chosen.name)
    print(f"revoked {chosen.name}; a running service refuses it within a second")


def _may(key: Key) -> list[str]:
    return [
        ", ".join(key.scopes),
        f"models: {', '.join(key.models)}" if key.models else "all models",
        f"{key.rate} requests" if key.rate else "any rate",
        f"{key.quota} of model time" if key.quota else "no quota",
    ]


def _ends(key: Key, now: datetime) -> list[str]:
    ends = []
    if key.expires is None:
        ends.append("never expires")
    elif key.expires <= now:
        ends.append(f"EXPIRED on {written(key.expires)}")
    else:
        soon = " SOON" if key.expires - now < SOON else ""
        ends.append(f"expires{soon} on {written(key.expires)}")
    ends += [f"{one.start}… holds until {written(one.until)}" for one in key.replaced if one.until > now]
    return ends


def _now() -> datetime:
    return datetime.now(UTC)


def _who() -> str:
    """The account that runs the command: the one behind sudo, if it is."""
    try:
        name = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run under a number that has no name
        name = str(os.getuid())
    return f"{name} at the command line"
