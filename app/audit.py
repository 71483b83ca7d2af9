"""A line for each change that somebody made to the service: who, what, with which outcome."""

import json
import logging
import re

log = logging.getLogger(__name__)

PLAIN = re.compile(r"[\w./:{}@+-]+", re.ASCII)
MOST_CHARACTERS = 200


def audit(who: str, action: str, outcome: str, **more: str | int) -> None:
    """Write the line: as text, or with a field of its own for each of these. What is empty is left out."""
    fields = {"who": who, "action": action, "outcome": outcome, **{name: one for name, one in more.items() if one}}
    log.info(
        "%s", " ".join(f"{name}={_quoted(str(value))}" for name, value in fields.items()), extra={"fields": fields}
    )


def _quoted(value: str) -> str:
    """A value that cannot pass for several: what has a space, or anything that is not plain, stands in quotes."""
    value = value[:MOST_CHARACTERS]
    return value if PLAIN.fullmatch(value) else json.dumps(value)
