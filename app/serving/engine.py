"""The one door between the API and everything that computes: what may be asked, and what is told.

All that passes through it can be pickled: what answers may be another process, or another machine.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from app.repository.manifest import Manifest
from app.serving.answer_store import Reuse
from app.serving.held import Held
from app.serving.plan import Tuning
from app.tasks.contract import Contract
from app.telemetry import Statistics

State = Literal["loading", "ready", "failed", "unloaded"]


class Asker(NamedTuple):
    """Whoever asks, by which a rule on traffic may choose the version: `subject` is for whom, if the caller says so."""

    caller: str
    request_id: str
    subject: str = ""


class Ask(NamedTuple):
    """Items for one view of a model, and on which terms they are to be answered.

    `within_s` counts from when the engine gets it. Of `priority` 1 is the highest, larger ones are lower, and 0 is the
    default: that of the view, as good as 2 for most; it orders what one `caller` asks, and from 10 on others go before.
    Each caller gets an equal share of the time. `read_for` is the form (`Served.forms`) of the version for which the
    items were read, and no version that takes others answers them; if it is empty, any version does. `traceparent` is
    that of the request (W3C Trace Context) if its trace is recorded, and else empty. `chosen` is the version that
    `find` gave where none was asked for; another one answers if it cannot any more.
    """

    model: str
    version: int | None
    view: str
    items: Sequence[Any]
    parameters: Any
    within_s: float
    priority: int = 0
    caller: str = ""
    request_id: str = ""
    read_for: str = ""
    traceparent: str = ""
    chosen: int | None = None


class Timing(NamedTuple):
    """Seconds of each stage of one request, and rows and padded length of the largest batch that it was part of.

    `batches` has the traceparents of all of them, if the trace of the request is recorded where they were computed.
    """

    preprocess_s: float
    queue_s: float
    inference_s: float
    postprocess_s: float
    rows: int
    length: int
    batches: tuple[str, ...] = ()

    @property
    def whole_s(self) -> float:
        return self.preprocess_s + self.queue_s + self.inference_s + self.postprocess_s


def total(timings: Sequence[Timing]) -> Timing:
    """The timing of all together; rows and length are of the largest batch of all."""
    largest = max(timings, key=lambda timing: timing.rows * timing.length)
    return Timing(
        preprocess_s=sum(one.preprocess_s for one in timings),
        queue_s=sum(one.queue_s for one in timings),
        inference_s=sum(one.inference_s for one in timings),
        postprocess_s=sum(one.postprocess_s for one in timings),
        rows=largest.rows,
        length=largest.length,
        batches=tuple(batch for one in timings for batch in one.batches),
    )


Steps = tuple[tuple[str, Timing], ...]


class Prediction(NamedTuple):
    """Outputs of one request, in the order of its items, and which model and version gave them.

    `steps` has the name and timing of each step that was asked, or each model for a composed answer; their sums are
    `timing`. `reuse` is None where answers are not kept. `answered_by` names for each output the step of a cascade.
    """

    model: str
    version: int
    outputs: list[Any]
    timing: Timing
    steps: Steps = ()
    reuse: Reuse | None = None
    answered_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Served:
    """All that the API may know of a version that answers. It stays the same for as long as the version is live.

    `contracts` are those of its views by name, its own first, but for that of its tensors, which the manifest has.
    `forms` tell for each view which requests it can answer: versions of one form take the same.
    `card` has what people read of it, Markdown and pictures, by file.
    """

    manifest: Manifest
    contracts: Mapping[str, Contract]
    forms: Mapping[str, str]
    class_names: Mapping[str, Sequence[str]]
    card: Mapping[str, bytes]

    @property
    def contract(self) -> Contract:
        """The contract of its own view."""
        return self.contracts[self.manifest.task]


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """State of one version on disk.

    `reason` says why it is not served or, of one that is ready, why what lies on disk now is not what is served.
    `may_pass` says that the reason is none of its own, a disk that cannot be read, say: it is worth another try.
    `is_ready` says whether it can predict now; `statistics` what it has done, if it is live.
    """

    version: int
    state: State
    reason: str = ""
    may_pass: bool = False
    is_ready: bool = False
    statistics: Statistics | None = None

    @property
    def has_failed(self) -> bool:
        """Whether the version, as it lies on disk, did not pass its checks."""
        return self.state == "failed" or (self.state == "ready" and bool(self.reason))


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """State of one model: `manifest` is that of the version which answers by default, None if there is none.

    `versions` are newest first; `views` are what that version can be asked for, by name. `is_ready` says whether a
    version can predict now; `is_lost` that none can until its files are mended.
    """

    name: str
    versions: list[VersionStatus]
    manifest: Manifest | None = None
    views: tuple[str, ...] = ()
    is_ready: bool = False
    is_lost: bool = False
    placements: dict[str, dict[str, str]] = field(default_factory=dict)
    tuning: Tuning | None = None


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """`reason` says what is missing while `is_ready` is false."""

    is_ready: bool
    reason: str
    models: list[ModelStatus]


class Engine(Protocol):
    """The serving side as the API knows it; local and remote engines are this."""

    @property
    def is_stopping(self) -> bool:
        """No part of `status`, since every request reads it: a remote engine knows by itself that it was told to."""
        ...

    def status(self, name: str | None = None) -> EngineStatus:
        """The state of all models, or of one. Raises ModelNotFound and ModelNotReady, if one is asked for."""
        ...

    def find(self, name: str, version: int | None = None, asker: Asker | None = None) -> Served:
        """The asked version, or the one that answers this asker; without one, the one that answers by default.

        Raises ModelNotFound and ModelNotReady.
        """
        ...

    async def predict(self, ask: Ask) -> Prediction:
        """Answer items within their time.

        Raises ModelNotFound, ModelNotReady, InvalidInput whose details name the item, Overloaded, DeadlineExceeded and
        InferenceFailed.
        """
        ...

    def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        """Answer items piece by piece, as they are made. A view that makes its answer at once gives one piece.

        Raises what `predict` raises, when the first piece is asked for or later.
        """
        ...

    async def load(self, name: str | None = None) -> None:
        """Bring one model, or all, to what the repository holds now. Raises ModelNotFound."""
        ...

    async def unload(self, name: str) -> None:
        """Refuse new requests to a model, answer the admitted ones, and free it until it is loaded again.

        Raises ModelNotFound.
        """
        ...

    async def stop(self) -> None:
        """Refuse new requests, answer the admitted ones, unload everything."""
        ...


class HoldingEngine(Engine, Protocol):
    """An engine that can be told which versions answer, and stay."""

    def hold(self, name: str, held: Held) -> None:
        """Let these versions of a model answer and stay, also one that is not there yet. They must be live, or the next
        `load` loads them.
        """
        ...

    async def pin(self, name: str, version: int) -> None:
        """Load a version and keep it until `unpin` was called as often.

        Raises ModelNotFound, and ModelNotReady if it does not come alive.
        """
        ...

    def unpin(self, name: str, version: int) -> None: ...

    def can_answer(self, name: str, version: int) -> bool:
        """Return whether a version is live and can predict now."""
        ...


class Predicts(Protocol):
    """Whatever can be asked."""

    async def predict(self, ask: Ask) -> Prediction:
        """As `Engine.predict` does."""
        ...


class Respondent(Predicts, Protocol):
    """One version of one model that answers, wherever it does."""

    served: Served

    @property
    def is_ready(self) -> bool:
        """Whether it can predict now."""
        ...

    def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        """As `Engine.stream` does."""
        ...

    async def drain(self) -> None:
        """Refuse requests from now on; return when those that were admitted are answered."""
        ...


class Servable(Respondent, Protocol):
    """One version of one model, whatever it is made of, as the engine that loaded it knows it."""

    @property
    def statistics(self) -> Statistics:
        """Return the counts of all since it is live."""
        ...

    @property
    def is_lost(self) -> bool:
        """Whether it cannot predict until its files are mended."""
        ...

    @property
    def placements(self) -> dict[str, dict[str, str]]:
        """Where each of its graphs runs, and why there."""
        ...

    @property
    def tuning(self) -> Tuning | None:
        """Return how it uses this machine; None if it has no graphs."""
        ...

    async def __aexit__(self, *exc_info: object) -> None:
        """Free it, whatever it still answers."""
        ...
