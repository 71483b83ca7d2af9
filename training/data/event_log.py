"""Who took what, in the order of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from app.tasks.catalogue import CatalogueItem

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
