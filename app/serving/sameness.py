"""Items that are the same: one short digest for all that an answer depends on, but for the version."""

import pickle
from hashlib import blake2b
from secrets import token_bytes
from typing import Any

from pydantic import BaseModel

from app.tasks.view import View

DIGEST_BYTES = 16
_SECRET = token_bytes(32)  # or a caller could look for two items of one digest, at his leisure


def digest_of(view: View[Any], item: Any, parameters: Any, scope: str) -> bytes | None:
    """Return what stands for an item, asked with `parameters`; None if there is nothing that does.

    Equal digests mean equal items, as sure as BLAKE2 is; equal items may have different digests, when one says what
    the other leaves to a default. `scope` is whose answers may be given to one another.
    """
    if view.is_composed(parameters) or not view.is_repeatable(item, parameters):  # others may be loaded anew
        return None
    try:
        content = pickle.dumps((view.contract.name, _plain(item), _plain(parameters), scope), pickle.HIGHEST_PROTOCOL)
    except Exception:  # of what cannot be pickled
        return None
    return blake2b(content, digest_size=DIGEST_BYTES, key=_SECRET).digest()


def _plain(value: Any) -> Any:
    """The fields of a model, and which of them were set: a set of names has no order that can be relied on."""
    if isinstance(value, BaseModel):
        return type(value).__qualname__, value.__dict__, sorted(value.model_fields_set)
    return value
