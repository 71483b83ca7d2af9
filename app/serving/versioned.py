"""Versions of models from a repository that come and go while others answer. Knows not where a version runs."""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager

from app.errors import InvalidArtifact, ModelNotReady, ServiceError
from app.repository.of_steps import ManifestOfSteps, PinnedStep
from app.repository.repository import ModelRepository
from app.serving.engine import EngineStatus, ModelStatus, Servable
from app.serving.held import Held
from app.serving.kinds import of_steps
from app.serving.loader import Loads, Opened
from app.serving.model import Model
from app.serving.names import no_such_model, not_served
from app.serving.of_steps import VersionOfSteps
from app.serving.pool import Pool
from app.serving.readiness import why_not_ready
from app.serving.stepped import SteppedModel
from app.serving.versions import Versions
from app.telemetry import ModelObserver, Telemetry

log = logging.getLogger(__name__)


class VersionedEngine:
    """The common part of engines: load versions, switch to them, keep, pin, drain and unload them.

    `_alive` says where a version that has graphs of its own answers.
    """

    def __init__(
        self,
        repository: ModelRepository,
        loader: Loads,
        telemetry: Telemetry,
        threads: Pool,
        *,
        keep_versions: int = 2,
        required: Collection[str] = (),
        suspense_s: float = 30.0,
        drain_timeout_s: float = 30.0,
        after_change: Callable[[], None] = lambda: None,
        why_missing: Callable[[str], str] = lambda name: "",
    ) -> None:
        """`required` models must be able to predict for the service to be ready.

        A load that takes `suspense_s` longer than its turn no longer keeps the readiness of a service that starts.
        `after_change` is called when models have been loaded. On `threads` the items of pipelines' steps are made.
        `why_missing` says why a model, or any ("") that may be expected, has not come to the repository yet.
        """
        self._repository = repository
        self._why_missing = why_missing
        self._telemetry = telemetry
        self._threads = threads
        self._keep_versions = keep_versions
        self._required = required
        self._drain_timeout_s = drain_timeout_s
        self._suspense_s = suspense_s
        self._loader = loader
        self._models: dict[str, Versions] = {}
        self._held: dict[str, Held] = {}
        self._after_change = after_change
        self._retiring: set[asyncio.Task[None]] = set()
        self._drained_by = float("inf")
        self._is_listed = self._is_complete = False
        self.is_stopping = False

    async def load(self, name: str | None = None) -> None:
        self._require_running()
        published = await self._loader.published()
        self._require_running()
        if name is not None and name not in published.keys() | self._models.keys():
            raise self._unknown(name, published.keys() | self._models.keys())
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
            raise self._unknown(name, self._models.keys())
        answering = self._models[name].unload("unloaded on request")
        if answering:  # whoever asked may hang up; the models are unloaded all the same
            await asyncio.wait(answering)

    async def stop(self) -> None:
        self.is_stopping = True
        self._drained_by = asyncio.get_running_loop().time() + self._drain_timeout_s
        # What a model has admitted still needs those that it asks: a pipeline its steps, a summarizer its writer.
        for last in (VersionOfSteps, Model, SteppedModel):
            for versions in self._models.values():
                if last is SteppedModel or any(isinstance(one.model, last) for one in versions.live):
                    versions.unload("the service is stopping")
            if self._retiring:
                await asyncio.wait(self._retiring)

    def hold(self, name: str, held: Held) -> None:
        self._held[name] = held
        if name in self._models:
            self._models[name].hold(held)

    async def pin(self, name: str, version: int) -> None:
        await self._versions_of(name).pin(version)

    def unpin(self, name: str, version: int) -> None:
        if name in self._models:
            self._models[name].unpin(version)
            self._forget_empty(name)

    def can_answer(self, name: str, version: int) -> bool:
        live = self._models[name].live if name in self._models else []
        return any(one.model.is_ready for one in live if one.model.served.manifest.version == version)

    def status(self, name: str | None = None) -> EngineStatus:
        if name is not None:
            model = self._versions_of(name).status()
            return EngineStatus(model.is_ready, "" if model.is_ready else f"model {name} is not ready", [model])
        models = {name: self._models[name].status() for name in sorted(self._models)}
        reason = self._why_not_ready(models)
        return EngineStatus(not reason, reason, list(models.values()))

    def _require_running(self) -> None:
        if self.is_stopping:
            raise ModelNotReady("the service is stopping")

    def live(self, name: str, version: int | None = None) -> Servable:
        """Return the version that answers, for a pipeline or a model that asks it, also while the service stops.

        Raises ModelNotFound and ModelNotReady.
        """
        return self._known(name).find(version)

    def _versions_of(self, name: str) -> Versions:
        self._require_running()
        return self._known(name)

    def _known(self, name: str) -> Versions:
        versions = self._models.get(name)
        if versions is None:
            if not self._is_listed:
                raise ModelNotReady("models are being loaded")
            raise self._unknown(name, self._models.keys())
        return versions

    def _unknown(self, name: str, known: Collection[str]) -> ServiceError:
        if not self._repository.serves(name):
            return not_served(name, self._repository.only)
        why = self._why_missing(name)
        return ModelNotReady(why) if why else no_such_model(name, known)

    def _why_not_ready(self, models: Mapping[str, ModelStatus]) -> str:
        if self.is_stopping:
            return "the service is stopping"
        return why_not_ready(
            models,
            wanted=[name for name in models if self._models[name].is_wanted],
            required=self._required,
            only=self._repository.only,
            is_complete=self._is_complete,
            missing=self._why_missing(""),
        )

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
            self._models[name].hold(self._held.get(name, Held()))
        self._models[name].expect(published)
        return self._models[name]

    def _forget_empty(self, name: str) -> None:
        if name in self._models and self._models[name].is_empty:
            del self._models[name]

    def _alive(self, opened: Opened, observer: ModelObserver) -> AbstractAsyncContextManager[Servable]:
        """Return a version that has graphs of its own, which answers once it is entered."""
        raise NotImplementedError

    def _of_steps(self, manifest: ManifestOfSteps, opened: Opened, observer: ModelObserver) -> VersionOfSteps:
        return of_steps(manifest, self.live, observer, opened.card, self._threads)

    async def _go_live(self, opened: Opened) -> Servable:
        manifest = opened.manifest
        observer = self._telemetry.observer(manifest.name, manifest.version)
        if not isinstance(manifest, ManifestOfSteps):
            return await self._alive(opened, observer).__aenter__()
        version = self._of_steps(manifest, opened, observer)
        await self._pin_steps(manifest)
        try:
            return await version.__aenter__()
        except BaseException:
            self._unpin(manifest.steps)
            raise

    async def _pin_steps(self, manifest: ManifestOfSteps) -> None:
        """Load the versions that another one asks, and keep them. Raises InvalidArtifact if one does not come alive."""
        pinned = []
        try:
            for step in manifest.steps:
                pinned.append(step)
                if not self._repository.serves(step.model):
                    raise InvalidArtifact(str(not_served(step.model, self._repository.only)))
                await self._expect(step.model, ()).pin(step.version)
        except BaseException as error:
            self._unpin(pinned)
            if not isinstance(error, ServiceError):
                raise
            raise InvalidArtifact(f"step {pinned[-1].name}: {error}") from error

    def _unpin(self, steps: Sequence[PinnedStep]) -> None:
        for step in steps:
            self.unpin(step.model, step.version)

    def _retire_soon(self, model: Servable) -> asyncio.Task[None]:
        task = asyncio.create_task(self._retire(model))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        return task

    async def _retire(self, model: Servable) -> None:
        """Answer what the model has admitted, as far as the time for that goes, and unload it."""
        manifest = model.served.manifest
        name = f"{manifest.name} version {manifest.version}"
        drained_by = asyncio.get_running_loop().time() + self._drain_timeout_s
        try:
            async with asyncio.timeout_at(min(drained_by, self._drained_by)):
                await model.drain()
        except TimeoutError:
            log.error("%s: not all requests were answered within %.0f s", name, self._drain_timeout_s)
        await model.__aexit__()
        if isinstance(manifest, ManifestOfSteps):
            self._unpin(manifest.steps)
        log.info("%s is unloaded", name)
