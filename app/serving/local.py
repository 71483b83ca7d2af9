"""Serve every model of a repository from this process."""

from collections.abc import AsyncGenerator, Callable, Collection
from contextlib import AbstractAsyncContextManager, aclosing

from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.asked_once import AnswerCache
from app.serving.choosing import fitting
from app.serving.engine import Ask, Asker, Prediction, Predicts, Servable, Served
from app.serving.items import Pools
from app.serving.kinds import kind_of
from app.serving.loader import Loader, Opened
from app.serving.pool import Pool
from app.serving.versioned import VersionedEngine
from app.telemetry import ModelObserver, Telemetry

MOST_DECODED_BYTES = 1_000_000_000  # of pictures at a time: one of the largest in the dearest format


class LocalEngine(VersionedEngine):
    """An engine in this process."""

    def __init__(
        self,
        repository: ModelRepository,
        telemetry: Telemetry,
        *,
        options: RuntimeOptions,
        max_queue_size: int = 4096,
        max_pixels: int = 250_000_000,
        drift: bool = True,
        keep_versions: int = 2,
        required: Collection[str] = (),
        load_timeout_s: float = 300.0,
        turn_s: float = 5.0,
        suspense_s: float = 30.0,
        drain_timeout_s: float = 30.0,
        num_threads: int = 2,
        after_change: Callable[[], None] = lambda: None,
        why_missing: Callable[[str], str] = lambda name: "",
        find: Callable[[str], Predicts] | None = None,
        cache: AnswerCache | None = None,
    ) -> None:
        """`required` models must be able to predict for the service to be ready.

        A load that takes longer than `turn_s` no longer keeps the next one waiting, and after `suspense_s` more not the
        readiness of a service that starts: most models are loaded within two seconds.
        `after_change` is called when models have been loaded. `why_missing` says why a model, or any ("") that may be
        expected, has not come to the repository yet; nothing if it has not to come. `find` gives the models that
        composed answers ask; those of this engine by default. In `cache` answers are kept to be given again. With
        `drift` they are compared with those of training.
        """
        self._pools = Pools(before=Pool(num_threads, "before", MOST_DECODED_BYTES), after=Pool(num_threads, "after"))
        super().__init__(
            repository,
            Loader(repository, options, timeout_s=load_timeout_s, turn_s=turn_s),
            telemetry,
            self._pools.before,
            keep_versions=keep_versions,
            required=required,
            suspense_s=suspense_s,
            drain_timeout_s=drain_timeout_s,
            after_change=after_change,
            why_missing=why_missing,
        )
        self._max_queue_size = max_queue_size
        self._max_pixels = max_pixels
        self._drift = drift
        self._find = find or self.live
        self._cache = cache
        if cache is not None:
            telemetry.reuse.begin(lambda: cache.store.num_bytes, lambda: cache.store.num_evicted)

    async def stop(self) -> None:
        await super().stop()
        self._pools.before.close()
        self._pools.after.close()

    def find(self, name: str, version: int | None = None, asker: Asker | None = None) -> Served:
        return self._versions_of(name).find(version).served

    async def predict(self, ask: Ask) -> Prediction:
        return await self._servable(ask).predict(ask)

    async def stream(self, ask: Ask) -> AsyncGenerator[Prediction, None]:
        async with aclosing(self._servable(ask).stream(ask)) as pieces:
            async for piece in pieces:
                yield piece

    def _servable(self, ask: Ask) -> Servable:
        return self._versions_of(ask.model).find(ask.version, fitting(ask))

    def _alive(self, opened: Opened, observer: ModelObserver) -> AbstractAsyncContextManager[Servable]:
        assert opened.loaded is not None
        return kind_of(opened.loaded.kernel, self._find, self._drift)(
            opened.loaded,
            self._pools,
            max_queue_size=self._max_queue_size,
            max_pixels=self._max_pixels,
            observer=observer,
            card=opened.card,
            cache=self._cache,
        )
