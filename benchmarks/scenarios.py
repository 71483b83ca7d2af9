"""The table of scenarios that are measured."""

from dataclasses import dataclass
from typing import Literal

from benchmarks.graphs import IMAGE_FP32, IMAGE_SERVED, TEXT_FP32, TEXT_SERVED, Graph

Layout = Literal["one core", "all cores"]

DEADLINE_MS = 500
SOAK_MODELS = {
    "movielens-recommender": 0.80,
    "reviews-sentiment": 0.12,
    "imagenet-efficientnet": 0.06,
    "article-summarizer": 0.02,
}


@dataclass(frozen=True, slots=True)
class Closed:
    """`connections` that each wait for their answer."""

    load: str
    connections: int
    name: str = ""

    @property
    def case(self) -> str:
        return f"{self.name} c={self.connections}".strip()


@dataclass(frozen=True, slots=True)
class Open:
    """Arrivals at `share` of the server's saturation, or of the best peer's."""

    load: str
    share: float
    of: Literal["its own", "the best peer's"] = "its own"

    @property
    def case(self) -> str:
        return f"{self.share:g} of {self.of} saturation"


@dataclass(frozen=True, slots=True)
class Scenario:
    """`raw` names the loops of the graph alone that belong to it.

    `needs`: a scenario that must be measured before it. If that takes another start of the servers, each peer runs
    whichever of its variants answered most there.
    """

    name: str
    title: str
    graph: Graph
    loads: tuple[Closed | Open, ...]
    layout: Layout = "one core"
    raw: str | None = None
    deadline_ms: int | None = None
    needs: str | None = None


MIXED_16, MIXED_64 = Closed("mixed", 16), Closed("mixed", 64)
PHOTOS = tuple(Closed(form, connections, form) for form in ("raw", "multipart") for connections in (1, 16))

SCENARIOS = (
    Scenario("short", "one short text, fp32", TEXT_FP32, tuple(Closed("short", n) for n in (1, 16, 64)), raw="short"),
    Scenario("mixed", "mixed texts, fp32", TEXT_FP32, (Closed("mixed", 1), MIXED_16, MIXED_64), raw="mixed"),
    Scenario(
        "latency",
        "mixed texts, fp32, arrivals at random",
        TEXT_FP32,
        (Open("mixed", 0.8), Open("mixed", 0.8, "the best peer's")),
        needs="mixed",
    ),
    Scenario(
        "overload",
        f"mixed texts, fp32, arrivals at random, deadline {DEADLINE_MS} ms",
        TEXT_FP32,
        tuple(Open("mixed", share) for share in (0.5, 0.8, 1.0, 1.5, 2.0)),
        deadline_ms=DEADLINE_MS,
        needs="mixed",
    ),
    Scenario(
        "mixed-served",
        "mixed texts, the int8 graph we ship",
        TEXT_SERVED,
        (MIXED_16, MIXED_64),
        raw="mixed",
        needs="mixed",
    ),
    Scenario("photo", "photo, fp32", IMAGE_FP32, PHOTOS, raw="photo"),
    Scenario("photo-served", "photo, the int8 graph we ship", IMAGE_SERVED, PHOTOS, raw="photo", needs="photo"),
    Scenario(
        "mixed-all-cores", "mixed texts, fp32, all cores", TEXT_FP32, (MIXED_16, MIXED_64), "all cores", needs="mixed"
    ),
    Scenario(
        "photo-all-cores",
        "photo, fp32, all cores",
        IMAGE_FP32,
        (Closed("raw", 16, "raw"), Closed("multipart", 16, "multipart")),
        "all cores",
        needs="photo",
    ),
)
OURS_ALONE = {"startup": "start with every model", "soak": "mixed requests over four models"}
NAMES = (*(scenario.name for scenario in SCENARIOS), *OURS_ALONE)


def with_needed(names: list[str]) -> list[str]:
    """`names` and what they need, in the order of the table."""
    needed = {scenario.needs for scenario in SCENARIOS if scenario.name in names and scenario.needs}
    return [name for name in NAMES if name in names or name in needed]
