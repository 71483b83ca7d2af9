"""The name of one request, in its answer and in the log."""

import re
from random import Random

_GIVEN = re.compile(r"[\w.:-]{1,128}", re.ASCII)
# Ids must differ, not be secret; uuid4 asks the system each time, which costs more than parsing JSON.
_random = Random()


def new_request_id() -> str:
    """32 hexadecimal digits at random."""
    return f"{_random.getrandbits(128):032x}"


def request_id_of(given: str) -> str:
    """Return the caller's name for it, if that can be repeated in a header and a log; else a new one."""
    return given if _GIVEN.fullmatch(given) else new_request_id()
