"""The one door between the API and everything that computes."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from app.errors import InvalidArtifact, ModelNotFound, ModelNotReady
from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from app.runtimes.hardware import hardware
from app.runtimes.options import RuntimeOptions
from app.serving.model import Loaded, Model, Pools, Timing, load
from app.serving.names import no_such_model, no_such_version
from app.serving.plan import read_plan
from app.serving.pool import Pool
from app.telemetry import Statistics, Telemetry
from app.tensors import Tensors

log = logging.getLogger(__name__)

State = Literal["loading", "ready", "failed", "unloaded"]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Outputs of one request, in the order of its items."""

    manifest: Manifest
    outputs: list[Any]
    timing: Timing


@dataclass(frozen=True, slots=True)
class Inference:
    """Output tensors of one request, in the order of the manifest; `class_names` are those of the task."""

    manifest: Manifest
    outputs: Tensors
    class_names: Mapping[str, Sequence[str]]
    timing: Timing


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """State of one version on disk, and why it is not served if it is not."""

    version: int
    state: State
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """State of one model: `manifest` is that of the version which answers by default, None if there is none."""

    name: str
    versions: list[VersionStatus]
    manifest: Manifest | None = None
    is_ready: bool = False
    placements: dict[str, dict[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """`reason` says what is missing while `is_ready` is false."""

    is_ready: bool
    reason: str
    models: list[ModelStatus]


class Engine(Protocol):
    """What the API may ask of the serving side; local and remote engines answer it."""

    is_stopping: bool

    async def load(self, name: str | None = None) -> None:
        """Bring one model, or all, to what the repository holds now. Raises ModelNotFound."""
        ...

    async def stop(self) -> None:
        """Refuse new requests, answer the admitted ones, unload everything."""
        ...

    def status(self) -> EngineStatus: ...

    def find(self, name: str, version: int | None = None) -> Manifest:
        """The asked version, or the newest that is live. Raises ModelNotFound and ModelNotReady."""
        ...

    async def read_card(self, name: str, picture: str | None = None) -> tuple[Manifest, bytes]:
        """The Markdown of the newest live version's card, or a picture in it. Raises ModelNotFound if it has none."""
        ...

    def find_items(self, name: str, query: str, limit: int) -> Sequence[Any]:
        """Up to `limit` items of a model's catalogue. Raises InvalidInput too, if its task has none. Thread-safe."""
        ...

    async def predict(
        self,
        name: str,
        version: int | None,
        items: Sequence[Any],
        parameters: Any,
        deadline: float,
        task: str | None = None,
    ) -> Prediction:
        """Answer items of the task that `find` told, by `deadline` of the event loop's clock.

        `task` is another one of those that such a model answers, too (`Task.also`), or its explanation.
        """
        ...

    async def infer(
        self, name: str, version: int | None, inputs: Tensors, deadline: float, priority: int = 0
    ) -> Inference:
        """Answer a batch of the tensors in the manifest, by `deadline` of the event loop's clock.

        Of `priority` 1 is the highest, larger ones are lower, and 0 is the default, which is as good as 2.
        """
        ...

    async def unload(self, name: str) -> None:
        """Refuse new requests to a model, answer the admitted ones, and free it until it is loaded again.

        Raises ModelNotFound.
        """
        ...

    def is_ready(self, name: str, version: int | None = None) -> bool:
        """Whether the asked version, or the one that answers by default, can predict. Raises ModelNotFound."""
        ...

    def statistics(self, name: str | None = None, version: int | None = None) -> list[tuple[Manifest, Statistics]]:
        """Of each live version that is meant, what it has done. Raises ModelNotFound and ModelNotReady."""
        ...


class LocalEngine:
    """Serve every model of a repository from this process.

    Of each model the newest `keep_versions` versions that pass their checks are live, and the newest of them answers
    by default. A version is loaded beside the others and joins them only when its files are what the manifest says,
    and it has answered its golden examples; whatever fails leaves everything as it was.
    """

    def __init__(
        self,
        repository: ModelRepository,
        telemetry: Telemetry,
        *,
        options: RuntimeOptions,
        max_queue_size: int = 4096,
        keep_versions: int = 2,
        drain_timeout_s: float = 30.0,
        num_threads: int = 2,
        after_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`after_change` is called when models have been loaded or unloaded."""
        self._repository = repository
        self._telemetry = telemetry
        self._options = options
        self._hardware = hardware(options.device, options.threads)
        self._max_queue_size = max_queue_size
        self._keep_versions = keep_versions
        self._drain_timeout_s = drain_timeout_s
        self._live: dict[str, dict[int, Model]] = {}
        self._versions: dict[str, dict[int, VersionStatus]] = {}
        self._after_change = after_change
        self._one_load_at_a_time = asyncio.Lock()
        self._pools = Pools(before=Pool(num_threads, "before"), after=Pool(num_threads, "after"))
        self._retiring: set[asyncio.Task[None]] = set()
        self._unloaded: set[str] = set()  # models that somebody wants unloaded
        self._is_complete = False
        self.is_stopping = False

    async def load(self, name: str | None = None) -> None:
        async with self._one_load_at_a_time:
            if self.is_stopping:
                raise ModelNotReady("the service is stopping")
            known = sorted({*self._repository.names(), *self._versions})
            if name is not None and name not in known:
                raise no_such_model(name, known)
            wanted = known if name is None else [name]
            for each in wanted:
                # All are listed before the first is loaded, so that "still loading" is not "no such model".
                on_disk = self._repository.versions(each)
                self._versions.setdefault(each, {version: VersionStatus(version, "loading") for version in on_disk})
            for each in wanted:
                await self._load_model(each)
            self._is_complete = self._is_complete or name is None
            self._after_change()

    async def unload(self, name: str) -> None:
        async with self._one_load_at_a_time:
            if name not in self._versions:
                raise no_such_model(name, self._versions)
            self._unloaded.add(name)
            for version in self._versions[name]:
                self._versions[name][version] = VersionStatus(version, "unloaded", "unloaded on request")
            live = self._live.pop(name, {})
        if live:  # whoever asked may hang up; the models are unloaded all the same
            await asyncio.wait([self._retire_soon(model) for model in live.values()])

    async def stop(self) -> None:
        self.is_stopping = True
        models = [model for versions in self._live.values() for model in versions.values()]
        self._live.clear()
        await asyncio.gather(*(self._retire(model) for model in models), *self._retiring)
        self._pools.before.close()
        self._pools.after.close()

    def status(self) -> EngineStatus:
        wanted = [name for name in self._versions if name not in self._unloaded]
        missing = [name for name in wanted if not any(m.is_ready for m in self._live.get(name, {}).values())]
        reason = (
            "the service is stopping" if self.is_stopping
            else f"not every model can predict: {', '.join(missing)}" if missing
            else "" if self._is_complete
            else "models are being loaded"
        )  # fmt: skip
        return EngineStatus(not reason, reason, [self._model_status(name) for name in sorted(self._versions)])

    def find(self, name: str, version: int | None = None) -> Manifest:
        return self._find(name, version).manifest

    async def read_card(self, name: str, picture: str | None = None) -> tuple[Manifest, bytes]:
        manifest = self.find(name)
        card = manifest.card
        if not card:
            raise ModelNotFound(f"model {name} version {manifest.version} has no card")
        file = card.markdown if picture is None else f"card/{picture}"
        if picture is not None and file not in card.pictures:
            raise ModelNotFound(f"the card of model {name} version {manifest.version} has no picture {picture!r}")
        return manifest, await asyncio.to_thread(self._repository.read_file, manifest, file)

    def find_items(self, name: str, query: str, limit: int) -> Sequence[Any]:
        return self._find(name, None).loaded.task.find_items(query, limit)

    async def predict(
        self,
        name: str,
        version: int | None,
        items: Sequence[Any],
        parameters: Any,
        deadline: float,
        task: str | None = None,
    ) -> Prediction:
        # Looked up again: since `find` the body has arrived, and a newer version may have taken over.
        model = self._find(name, version)
        outputs, timing = await model.predict(items, parameters, deadline, task)
        return Prediction(model.manifest, outputs, timing)

    async def infer(
        self, name: str, version: int | None, inputs: Tensors, deadline: float, priority: int = 0
    ) -> Inference:
        model = self._find(name, version)
        outputs, timing = await model.infer(inputs, deadline, priority)
        return Inference(model.manifest, outputs, model.task.class_names, timing)

    def is_ready(self, name: str, version: int | None = None) -> bool:
        try:
            return self._find(name, version).is_ready
        except ModelNotReady:
            return False

    def statistics(self, name: str | None = None, version: int | None = None) -> list[tuple[Manifest, Statistics]]:
        if name is None:
            models = [model for versions in self._live.values() for model in versions.values()]
        elif version is None:
            self._find(name, None)
            models = list(self._live[name].values())
        else:
            models = [self._find(name, version)]
        return [(model.manifest, model.statistics) for model in models]

    def _find(self, name: str, version: int | None) -> Model:
        if self.is_stopping:
            raise ModelNotReady("the service is stopping")
        if name not in self._versions:
            raise no_such_model(name, self._versions)
        live, on_disk = self._live.get(name, {}), self._versions[name]
        if version is None and live:
            return live[max(live)]
        if version in live:
            return live[version]
        if version is None:
            why = next((f": {one.reason}" for one in on_disk.values() if one.reason), "")
            raise ModelNotReady(f"model {name} is not ready{why}")
        if version in on_disk:
            status = on_disk[version]
            raise ModelNotReady(
                f"model {name} version {version} is {status.state}{status.reason and ': '}{status.reason}"
            )
        raise no_such_version(name, version, on_disk)

    def _model_status(self, name: str) -> ModelStatus:
        versions = sorted(self._versions[name].values(), key=lambda one: -one.version)
        live = self._live.get(name)
        if not live:
            return ModelStatus(name, versions)
        model = live[max(live)]
        is_ready = any(one.is_ready for one in live.values())
        return ModelStatus(name, versions, model.manifest, is_ready, model.loaded.placements)

    async def _load_model(self, name: str) -> None:
        self._unloaded.discard(name)
        known, published = self._versions[name], self._repository.versions(name)
        for version in [version for version in known if version not in published]:
            del known[version]
        good = 0
        for version in published:
            if good == self._keep_versions:
                known[version] = VersionStatus(version, "unloaded", f"only the newest {good} are kept loaded")
            elif version in self._live.get(name, {}) or await self._load_version(name, version):
                good += 1
        live = self._live.get(name, {})
        for version in [version for version in live if version not in known or known[version].state != "ready"]:
            # Its requests may take as long as their deadlines; nobody has to wait for that.
            self._retire_soon(live.pop(version))
        if not live:
            self._live.pop(name, None)
        if not published:
            del self._versions[name]

    async def _load_version(self, name: str, version: int) -> bool:
        observer = self._telemetry.observer(name, version)
        self._versions[name][version] = VersionStatus(version, "loading")
        try:
            loaded = await asyncio.to_thread(self._read_and_load, name, version)
        except Exception as error:  # a version that cannot be loaded must not take the service with it
            reason = str(error) if isinstance(error, InvalidArtifact) else f"{type(error).__name__}: {error}"
            log.error("%s version %d is not served: %s", name, version, reason)
            self._versions[name][version] = VersionStatus(version, "failed", reason)
            observer.load_failed()
            return False
        if self.is_stopping:
            raise ModelNotReady("the service is stopping")
        model = Model(loaded, self._pools, max_queue_size=self._max_queue_size, observer=observer)
        self._live.setdefault(name, {})[version] = await model.__aenter__()
        self._versions[name][version] = VersionStatus(version, "ready")
        return True

    def _read_and_load(self, name: str, version: int) -> Loaded:
        manifest = self._repository.read(name, version)
        plan = read_plan(self._repository.root / name, manifest, self._hardware)
        loaded = load(manifest, lambda: self._repository.verify(manifest), self._options, plan)
        curve, length = loaded.curve, loaded.task.lengths[0]
        log.info(
            "%s version %d is live: %s, %d golden examples, %d x %d threads, best batch %d, %.1f ms%s",
            name, version, ", ".join(f"{graph} on {where['device']}" for graph, where in loaded.placements.items()),
            len(manifest.golden), loaded.instances, loaded.options.threads, curve.best_batch_size(length),
            1000 * curve.row_seconds(length), " (tuned)" if loaded.is_tuned else "",
        )  # fmt: skip
        return loaded

    def _retire_soon(self, model: Model) -> asyncio.Task[None]:
        task = asyncio.create_task(self._retire(model))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        return task

    async def _retire(self, model: Model) -> None:
        """Answer what the model has admitted, as far as the time for that goes, and unload it."""
        name = f"{model.manifest.name} version {model.manifest.version}"
        try:
            async with asyncio.timeout(self._drain_timeout_s):
                await model.drain()
        except TimeoutError:
            log.error("%s: not all requests were answered within %.0f s", name, self._drain_timeout_s)
        await model.__aexit__()
        self._after_change()
        log.info("%s is unloaded", name)
