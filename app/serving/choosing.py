"""The version that answers a question, of those that are live."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from app.errors import ModelNotReady
from app.serving.engine import Ask, Respondent, Served, VersionStatus
from app.serving.names import no_such_version

One = TypeVar("One", bound=Respondent)


def choose(
    name: str,
    live: Sequence[One],
    statuses: Mapping[int, VersionStatus],
    version: int | None,
    fits: Callable[[Served], bool] = lambda served: True,
) -> One:
    """Return the asked version of a model or, without one, the first of `live` that fits; those are newest first.

    Raises ModelNotFound and ModelNotReady, which tells by `statuses` why it is not.
    """
    is_live = False
    for one in live:
        if version in (None, one.served.manifest.version):
            if fits(one.served):
                return one
            is_live = True
    if is_live:
        raise ModelNotReady(f"model {name} was replaced meanwhile, and takes other inputs now; ask again")
    if version is None:
        why = next((f": {one.reason}" for one in statuses.values() if one.reason), "")
        raise ModelNotReady(f"model {name} is not ready{why}")
    if version in statuses:
        status = statuses[version]
        why = f": {status.reason}" if status.reason else ""
        raise ModelNotReady(f"model {name} version {version} is {status.state}{why}")
    raise no_such_version(name, version, statuses)


def fitting(ask: Ask) -> Callable[[Served], bool]:
    """Return whether a version takes the items of a question. A newer one may have taken over since they were read."""
    if not ask.read_for:
        return lambda served: True
    return lambda served: served.forms.get(ask.view) == ask.read_for
