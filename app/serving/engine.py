"""The one door between the API and everything that computes."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.errors import ModelNotFound, ModelNotReady, ServiceError
from app.repository.manifest import Manifest
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.items import Pools
from app.serving.loading import Loader
from app.serving.model import Loaded, Model, Timing
from app.serving.names import no_such_model
from app.serving.pool import Pool
from app.serving.versions import Live, ModelStatus, Versions
from app.tasks import TASKS
from app.telemetry import Statistics, Telemetry
from app.tensors import Tensors

log = logging.getLogger(__name__)

MOST_DECODED_BYTES = 1_000_000_000  # of pictures at a time: one of the largest in the dearest format


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
        read_for: Manifest | None = None,
        caller: str = "",
    ) -> Prediction:
        """Answer items by `deadline` of the event loop's clock.

        `task` is another one of those that such a model answers, too (`Task.also`), or its explanation. `read_for` is
        what `find` told, for which the items were read: no version that takes others answers them.
        `caller` is whoever asks: each gets an equal share of the time.
        """
        ...

    async def infer(
        self,
        name: str,
        version: int | None,
        inputs: Tensors,
        deadline: float,
        priority: int = 0,
        read_for: Manifest | None = None,
        caller: str = "",
    ) -> Inference:
        """Answer a batch of the tensors in the manifest, by `deadline` of the event loop's clock.

        No version whose tensors are others than those of `read_for` answers them. Of `priority` 1 is the highest,
        larger ones are lower, and 0 is the default, which is as good as 2; it orders what one `caller` asks. From 10
        on, others go before.
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
    """Serve every model of a repository from this process."""

    def __init__(
        self,
        repository: ModelRepository,
        telemetry: Telemetry,
        *,
        options: RuntimeOptions,
        max_queue_size: int = 4096,
        max_pixels: int = 250_000_000,
        keep_versions: int = 2,
        required: Collection[str] = (),
        load_timeout_s: float = 300.0,
        turn_s: float = 5.0,
        suspense_s: float = 30.0,
        drain_timeout_s: float = 30.0,
        num_threads: int = 2,
        after_change: Callable[[], None] = lambda: None,
    ) -> None:
        """`required` models must be able to predict for the service to be ready.

        A load that takes longer than `turn_s` no longer keeps the next one waiting, and after `suspense_s` more not the
        readiness of a service that starts: most models are loaded within two seconds.
        `after_change` is called when models have been loaded.
        """
        self._telemetry = telemetry
        self._max_queue_size = max_queue_size
        self._max_pixels = max_pixels
        self._keep_versions = keep_versions
        self._required = required
        self._drain_timeout_s = drain_timeout_s
        self._suspense_s = suspense_s
        self._loader = Loader(repository, options, timeout_s=load_timeout_s, turn_s=turn_s)
        self._models: dict[str, Versions] = {}
        self._after_change = after_change
        self._pools = Pools(before=Pool(num_threads, "before", MOST_DECODED_BYTES), after=Pool(num_threads, "after"))
        self._retiring: set[asyncio.Task[None]] = set()
        self._is_listed = self._is_complete = False
        self.is_stopping = False

    async def load(self, name: str | None = None) -> None:
        self._require_running()
        published = await self._loader.published()
        self._require_running()
        if name is not None and name not in published.keys() | self._models.keys():
            raise no_such_model(name, published.keys() | self._models.keys())
        if name is None:
            await self._load_all(published)
        else:
            try:
                await self._expect(name, published.get(name, ())).load()
            finally:
                self._forget_empty(name)
        self._after_change()

    async def unload(self, name: str) -> None:
        if name not in self._models:
            raise no_such_model(name, self._models)
        answering = self._models[name].unload("unloaded on request")
        if answering:  # whoever asked may hang up; the models are unloaded all the same
            await asyncio.wait(answering)

    async def stop(self) -> None:
        self.is_stopping = True
        for versions in self._models.values():
            versions.unload("the service is stopping")
        if self._retiring:
            await asyncio.wait(self._retiring)
        self._pools.before.close()
        self._pools.after.close()

    def status(self) -> EngineStatus:
        models = {name: self._models[name].status() for name in sorted(self._models)}
        reason = self._why_not_ready(models)
        return EngineStatus(not reason, reason, list(models.values()))

    def find(self, name: str, version: int | None = None) -> Manifest:
        return self._find(name, version).manifest

    async def read_card(self, name: str, picture: str | None = None) -> tuple[Manifest, bytes]:
        live = self._find_live(name)
        manifest, card = live.model.manifest, live.model.manifest.card
        if not card:
            raise ModelNotFound(f"model {name} version {manifest.version} has no card")
        file = card.markdown if picture is None else f"card/{picture}"
        if picture is not None and file not in card.pictures:
            raise ModelNotFound(f"the card of model {name} version {manifest.version} has no picture {picture!r}")
        return manifest, live.opened.card[file]

    def find_items(self, name: str, query: str, limit: int) -> Sequence[Any]:
        return self._find(name, None).find_items(query, limit)

    async def predict(
        self,
        name: str,
        version: int | None,
        items: Sequence[Any],
        parameters: Any,
        deadline: float,
        task: str | None = None,
        read_for: Manifest | None = None,
        caller: str = "",
    ) -> Prediction:
        # Looked up again: since `find` the body has arrived, and a newer version may have taken over.
        model = self._find(name, version, lambda now: read_for is None or takes_same_items(now, read_for))
        outputs, timing = await model.predict(items, parameters, deadline, task, caller)
        return Prediction(model.manifest, outputs, timing)

    async def infer(
        self,
        name: str,
        version: int | None,
        inputs: Tensors,
        deadline: float,
        priority: int = 0,
        read_for: Manifest | None = None,
        caller: str = "",
    ) -> Inference:
        model = self._find(name, version, lambda now: read_for is None or has_same_tensors(now, read_for))
        outputs, timing = await model.infer(inputs, deadline, priority, caller)
        return Inference(model.manifest, outputs, model.kernel.class_names, timing)

    def is_ready(self, name: str, version: int | None = None) -> bool:
        try:
            return self._find(name, version).is_ready
        except ModelNotReady:
            return False

    def statistics(self, name: str | None = None, version: int | None = None) -> list[tuple[Manifest, Statistics]]:
        if name is None:
            live = [one for versions in self._models.values() for one in versions.live]
        else:
            found = self._find_live(name, version)
            live = [found] if version is not None else self._models[name].live
        return [(one.model.manifest, one.model.statistics) for one in live]

    def _require_running(self) -> None:
        if self.is_stopping:
            raise ModelNotReady("the service is stopping")

    def _find(self, name: str, version: int | None, fits: Callable[[Manifest], bool] = lambda now: True) -> Model:
        return self._find_live(name, version, fits).model

    def _find_live(
        self, name: str, version: int | None = None, fits: Callable[[Manifest], bool] = lambda now: True
    ) -> Live:
        self._require_running()
        if name not in self._models:
            if not self._is_listed:
                raise ModelNotReady("models are being loaded")
            raise no_such_model(name, self._models)
        return self._models[name].find(version, fits)

    def _why_not_ready(self, models: Mapping[str, ModelStatus]) -> str:
        """Whoever was unloaded on request does not count, and whoever never was live only if it is required."""
        wanted = [name for name in models if self._models[name].is_wanted]
        live = [name for name in wanted if models[name].manifest]
        lost = [name for name in live if models[name].is_lost]
        lost += sorted({*self._required} - {*live} - (models.keys() - {*wanted}))
        return (
            "the service is stopping" if self.is_stopping
            else f"not every model can predict that should: {', '.join(lost)}" if lost
            else "models are being loaded" if not self._is_complete
            else f"no model can predict: {', '.join(wanted)}" if wanted and not live
            else ""
        )  # fmt: skip

    async def _load_all(self, published: Mapping[str, Sequence[int]]) -> None:
        # All are listed before the first is loaded, so that "still loading" is not "no such model".
        models = [self._expect(name, published.get(name, ())) for name in sorted({*published, *self._models})]
        for versions in models:
            versions.is_wanted = True
        self._is_listed = True
        loading = []
        for versions in models:
            self._require_running()
            loading.append(asyncio.create_task(self._load_or_tell(versions)))
            await asyncio.wait(loading[-1:], timeout=self._loader.patience_s)
        if loading:
            await asyncio.wait(loading, timeout=self._suspense_s)
        self._is_complete = True
        if loading:
            self._after_change()
            await asyncio.wait(loading)
        self._require_running()

    async def _load_or_tell(self, versions: Versions) -> None:
        if self.is_stopping or not versions.is_wanted:  # unloaded before its turn came
            return
        try:
            await versions.load()
        except ServiceError as error:
            log.error("%s: %s", versions.name, error)
        self._forget_empty(versions.name)

    def _expect(self, name: str, published: Iterable[int]) -> Versions:
        if name not in self._models:
            self._models[name] = Versions(
                name,
                self._loader,
                keep=self._keep_versions,
                go_live=self._go_live,
                retire=self._retire_soon,
                load_failed=lambda version: self._telemetry.observer(name, version).load_failed(),
            )
        self._models[name].expect(published)
        return self._models[name]

    def _forget_empty(self, name: str) -> None:
        if name in self._models and self._models[name].is_empty:
            del self._models[name]

    async def _go_live(self, loaded: Loaded) -> Model:
        observer = self._telemetry.observer(loaded.manifest.name, loaded.manifest.version)
        model = Model(
            loaded,
            self._pools,
            max_queue_size=self._max_queue_size,
            max_pixels=self._max_pixels,
            observer=observer,
        )
        return await model.__aenter__()

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
        log.info("%s is unloaded", name)


def takes_same_items(one: Manifest, other: Manifest) -> bool:
    """Return whether items that were read for one version can be answered by the other."""
    return one.task == other.task and (not TASKS[one.task].Kernel.takes_any_tensors or has_same_tensors(one, other))


def has_same_tensors(one: Manifest, other: Manifest) -> bool:
    return (one.inputs, one.outputs) == (other.inputs, other.outputs)
