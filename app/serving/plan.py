"""The way a model uses this hardware: chosen by measurement, and stored beside its versions."""

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PositiveInt, ValidationError

from app.repository.manifest import Manifest
from app.runtimes.hardware import hardware
from app.runtimes.options import RuntimeOptions
from app.serving.curve import LatencyCurve
from app.whole_file import READABLE_BY_ALL, write_whole

log = logging.getLogger(__name__)

# Beyond these a plan is doubted: shares of the processors and of a batch's time, times of a batch's time.
MOST_OTHERS, MOST_SPREAD, MOST_SLOWER = 0.1, 0.2, 1.5
WORTH_DOUBTING_S = 0.001  # of a row alone: what it takes to hand over a batch is a small part of more

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Plan(BaseModel):
    """`points` are seconds of a batch by (rows, padded length), while all `instances` work, each on `threads` cores."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hardware: dict[str, str]
    graphs: dict[str, str]
    """sha256 of each graph that was measured."""
    variant: str | None = None
    threads: PositiveInt
    instances: PositiveInt
    """Lanes, in the word that stored plans have for them."""
    measured: AwareDatetime | None = None
    spread: Annotated[float, Field(ge=0)] | None = None
    """The excess of a batch's median time over its fastest, which counts; the mean over all batches."""
    others: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of the machine's processors that other processes used meanwhile."""
    steps: dict[str, Seconds] | None = None
    """Of a model that writes text: what a step and a chunk take, as step_cost.StepCost has it."""
    points: Annotated[list[tuple[PositiveInt, PositiveInt, Seconds]], Field(min_length=1)]

    def doubts(self) -> list[str]:
        """Return what was wrong while it was measured, each in words."""
        if self.others is None or self.spread is None:
            return ["nothing is known of what else the machine did while it was measured"]
        found = []
        if self.others > MOST_OTHERS:
            found.append(f"other processes used {self.others:.0%} of the processors while it was measured")
        if self.spread > MOST_SPREAD:
            found.append(f"the same batch took {self.spread:.0%} longer from one time to the next")
        return found

    @property
    def curve(self) -> LatencyCurve:
        return LatencyCurve({(rows, length): seconds for rows, length, seconds in self.points})


@dataclass(frozen=True, slots=True)
class Tuning:
    """The way a version uses this machine now. `plan` is None if that was measured quickly, when it was loaded.

    `alone_s` is what the shortest row takes by itself; `slower` how many times longer batches take of late than by what
    is known of them, which was corrected by `learned` batches since.
    """

    plan: Plan | None
    threads: int
    num_lanes: int
    measured: datetime | None
    alone_s: float
    slower: float
    learned: int = 0

    def doubts(self) -> list[str]:
        """Return why what was measured may not be right, each reason in words."""
        in_haste = "it was measured within half a second, when it was loaded; `python -m app tune` takes longer"
        found = self.plan.doubts() if self.plan else [in_haste]
        # To pass a batch to its thread takes as long as the shortest graphs do.
        if self.alone_s >= WORTH_DOUBTING_S and not 1 / MOST_SLOWER < self.slower < MOST_SLOWER:
            found.append(f"batches take {self.slower:.2g} times as long of late as what is known of them says")
        return found


def graph_hashes(manifest: Manifest) -> dict[str, str]:
    """sha256 of every graph, of every variant, by artifact."""
    kinds = [manifest.graphs, *(variant.graphs for variant in manifest.variants.values())]
    return {file: manifest.files[file].sha256 for graphs in kinds for file in graphs.values()}


def hardware_of(manifest: Manifest, options: RuntimeOptions) -> dict[str, str]:
    """All here that decides how fast this version runs, in any of its variants."""
    runtimes = {manifest.runtime, *(variant.runtime for variant in manifest.variants.values())}
    return hardware(options.device, options.threads, runtimes)


def plan_file(model: Path, manifest: Manifest, hardware: dict[str, str]) -> Path:
    """Where the plan of this version on this hardware lies, in the folder of its model."""
    fingerprint = hashlib.sha256(json.dumps(hardware, sort_keys=True).encode()).hexdigest()[:12]
    return model / "tuning" / f"{manifest.version}-{fingerprint}.json"


def read_plan(model: Path, manifest: Manifest, hardware: dict[str, str]) -> Plan | None:
    """The stored plan, if there is one and it is of these very graphs; a file that cannot be used is only reported."""
    path = plan_file(model, manifest, hardware)
    try:
        plan = Plan.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        log.warning("%s version %d: the stored plan is not used: %s", manifest.name, manifest.version, error)
        return None
    return plan if plan.graphs == graph_hashes(manifest) and plan.hardware == hardware else None


def write_plan(model: Path, manifest: Manifest, plan: Plan) -> Path:
    """Raises OSError where the repository may not be written to."""
    path = plan_file(model, manifest, plan.hardware)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, plan.model_dump_json(indent=1) + "\n", READABLE_BY_ALL)
    return path
