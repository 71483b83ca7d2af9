"""Figures of graphs beside the networks they were written from, kept for where those networks cannot run.

Our own writer gives the same bytes from the same weights, with torch or without. So a graph with a sha256 that is known
here is one that was compared.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import TypeAdapter

from app.repository.manifest import Frozen, Verification
from app.repository.publish import sha256_of
from training.errors import TrainingError, progress
from training.libraries import HOW, can_train

KEPT = Path(__file__).with_suffix(".json")
REMARK = "torch was not there when this version was made: its graph has the sha256 of one that was compared with torch."


class Compared(Frozen):
    """`figure` is the one that the recipe asks for; which, it says itself."""

    verification: Verification
    figure: float
    sha256: str = ""


def compared(name: str, graph: Path, compare: Callable[[], Compared]) -> tuple[Compared, str]:
    """Return what `compare` finds or, where torch is not, what it found of the same graph; and a remark for the card.

    `name` is "" of what nobody keeps. Raises TrainingError if torch is not there and the graph is another than that
    which was compared.
    """
    sha256 = sha256_of(graph)
    known = kept().get(name)
    if can_train():
        found = compare().model_copy(update={"sha256": sha256})
        if name and (known is None or known.sha256 != sha256):
            progress(f"{graph.name} is not the graph that {KEPT.name} has; if it should be: {found.model_dump_json()}")
        return found, ""
    if known is None or known.sha256 != sha256:
        raise TrainingError(f"{name} was not compared with torch as it comes out here, which needs torch: {HOW}")
    return known, REMARK


def kept() -> Mapping[str, Compared]:
    return TypeAdapter(dict[str, Compared]).validate_json(KEPT.read_bytes())
