"""Users whose events are kept become histories here, before a model is asked."""

from collections.abc import Sequence
from typing import Any

from app.events.store import EventStore
from app.tasks.recommendation import FollowedHistory, HistoryInput


async def followed(events: EventStore | None, model: str, items: Sequence[Any]) -> Sequence[Any]:
    """Return the items of a question, each that names a user with what he did. Raises EventsUnavailable.

    Without `events` they stay as they are, and the model refuses users.
    """
    if events is None or not items or not isinstance(items[0], HistoryInput):
        return items
    users = list(dict.fromkeys(item.user for item in items if item.user is not None))
    if not users:
        return items
    known = dict(zip(users, await events.histories(users, model), strict=True))
    return [
        item if item.user is None else FollowedHistory.model_construct(**dict(item), followed=known[item.user])
        for item in items
    ]
