"""Who took what, in the order of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.tasks.catalogue import CatalogueItem
from app.tensors import Array

MAX_HISTORY = 50  # events, the newest, that a recommender reads
Group = npt.NDArray[np.bool_]
History = Sequence[int]
PADDING = CatalogueItem(id=0, title="", genres=[])


@dataclass(frozen=True, slots=True)
class EventLog:
    """`catalogue[0]` is padding. `histories`: one list per person of indices into the catalogue, oldest first.

    `groups` are kinds of people, bool [people], where anything is known of them; no model reads that. `test`: a history
    and the item that followed it, for each event of a test that is given; `histories` are then what may be learned.
    """

    catalogue: Sequence[CatalogueItem]
    histories: Sequence[Sequence[int]]
    groups: Mapping[str, Group] = field(default_factory=dict)
    test: Sequence[tuple[Sequence[int], int]] = ()


def leave_last_out(histories: Sequence[History]) -> tuple[list[History], list[int]]:
    """Each history without its last item, and these last items. Twice applied it makes a validation split."""
    return [history[:-1] for history in histories], [history[-1] for history in histories]


def left_pad(histories: Sequence[History], length: int) -> Array:
    """The newest `length` events of each, int64 [histories, length], filled up with 0 from the left."""
    padded = np.zeros((len(histories), length), np.int64)
    for row, history in zip(padded, histories, strict=True):
        newest = history[-length:]
        row[length - len(newest) :] = newest
    return padded
