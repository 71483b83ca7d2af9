"""The versions of one model: which are live, why the others are not, and how one takes over from another."""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from app.errors import InvalidArtifact, ModelNotFound, ModelNotReady, Overloaded
from app.serving.choosing import choose
from app.serving.engine import ModelStatus, Servable, Served, VersionStatus
from app.serving.held import Held
from app.serving.live import LiveVersion, log_live
from app.serving.loader import Loads, Opened
from app.serving.names import no_such_version

log = logging.getLogger(__name__)

MAY_PASS = (OSError, ModelNotFound, ModelNotReady, Overloaded)  # as causes


class Versions:
    """Of a model the newest `keep` versions that pass their checks are live, and the newest of them answers by default,
    unless another is held.

    A version is loaded beside the others and joins them only when its files are what the manifest says, and it has
    answered its golden examples; whatever fails leaves everything as it was.
    """

    def __init__(
        self,
        name: str,
        loader: Loads,
        *,
        keep: int,
        go_live: Callable[[Opened], Awaitable[Servable]],
        retire: Callable[[Servable], asyncio.Task[None]],
        load_failed: Callable[[int], None],
    ) -> None:
        """`go_live` lets a version answer; `retire` lets it finish what it has admitted, and frees it."""
        self.name = name
        self.is_wanted = True
        """False once somebody has unloaded the model."""
        self._loader = loader
        self._keep = keep
        self._go_live = go_live
        self._retire = retire
        self._load_failed = load_failed
        self._live: dict[int, LiveVersion] = {}
        self.live: list[LiveVersion] = []
        """Those that answer, in their turn: the newest first, or the default that is held."""
        self._status: dict[int, VersionStatus] = {}
        self._loading: dict[int, tuple[str, asyncio.Task[bool]]] = {}
        self._published: dict[int, str] = {}
        self._pinned: Counter[int] = Counter()
        self._held = Held()
        self._said: dict[int, str] = {}  # why a version is not served, as the log has it
        self._one_reads_at_a_time = asyncio.Lock()

    @property
    def is_empty(self) -> bool:
        """Whether no version of it is known any more, nor wanted by a pipeline."""
        return not self._status and not self._pinned

    @property
    def _by_default(self) -> list[LiveVersion]:
        """Those of which the first answers by default; none as long as the default that is held is being loaded."""
        default = self._status.get(self._held.default or 0)
        return [] if default and default.state == "loading" else self.live

    def status(self) -> ModelStatus:
        versions, live = [self._told(one) for one in sorted(self._status.values(), key=_newest)], self._by_default
        if not live:
            return ModelStatus(self.name, versions)
        model, is_ready = live[0].model, any(one.model.is_ready for one in live)
        is_lost = all(one.model.is_lost for one in live)
        served = model.served
        return ModelStatus(
            self.name,
            versions,
            served.manifest,
            tuple(served.contracts),
            is_ready,
            is_lost,
            model.placements,
            model.tuning,
        )

    def _told(self, status: VersionStatus) -> VersionStatus:
        if (live := self._live.get(status.version)) is None:
            return status
        return replace(status, is_ready=live.model.is_ready, statistics=live.model.statistics.copy())

    def find(self, version: int | None, fits: Callable[[Served], bool] = lambda served: True) -> Servable:
        """Return the asked version or, without one, the first in turn that is live and fits.

        Raises ModelNotFound and ModelNotReady.
        """
        live = self._by_default if version is None else self.live
        return choose(self.name, [one.model for one in live], self._status, version, fits)

    def expect(self, published: Iterable[int]) -> None:
        """Let it be known that these versions are there and not yet loaded."""
        for version in published:
            self._status.setdefault(version, VersionStatus(version, "loading"))

    async def load(self) -> None:
        """Bring the model to what the repository holds now.

        Returns when it is decided which version answers by default; older ones may go on loading.
        Raises ModelNotReady if the repository cannot be read, or the model is unloaded meanwhile.
        """
        self.is_wanted = True
        try:
            async with self._one_reads_at_a_time:  # or an old list might come last
                published = self._published = await self._loader.fingerprints(self.name)
        except ModelNotReady as error:
            for version in [one.version for one in self._status.values() if one.state == "loading"]:
                if version not in self._loading:
                    self._status[version] = VersionStatus(version, "failed", str(error), may_pass=True)
            raise
        if (default := self._held.default) in published:  # first, since nothing else answers in its place meanwhile
            loading = self._loading_of(default, published[default])
            await asyncio.wait([loading], timeout=self._loader.patience_s)
        left, kept, slow = list(published), set[int](), dict[asyncio.Task[bool], int]()
        while self.is_wanted and (left or slow):
            # A version that takes long has a place among those that are kept, or all would be in memory at once.
            if left and len(kept) + len(slow) < self._keep:
                version = left.pop(0)
                slow[self._loading_of(version, published[version])] = version
                await asyncio.wait(slow, timeout=self._loader.patience_s, return_when=asyncio.FIRST_COMPLETED)
            elif max(slow.values(), default=0) > max(kept, default=0):
                await asyncio.wait(slow, return_when=asyncio.FIRST_COMPLETED)
            else:
                break
            for task in [task for task in slow if task.done()]:
                version = slow.pop(task)
                if not task.cancelled() and task.result():
                    kept.add(version)
        if default in self._loading:
            await asyncio.wait([self._loading[default][1]])
        if not self.is_wanted:
            raise ModelNotReady(next((one.reason for one in self._status.values()), "the model was unloaded"))
        self._forget_withdrawn()
        for version in self._status.keys() & set(left) - self._live.keys():
            if not self.is_wanted:  # it was unloaded while the one before was loaded
                break
            if self._is_kept(version):
                loading = self._loading_of(version, published[version])
                await asyncio.wait([loading], timeout=self._loader.patience_s)
            else:
                self._status[version] = self._superseded(version)

    def hold(self, held: Held) -> None:
        """Let the default of `held` answer from now on, and keep those that it keeps; `load` loads what is not live."""
        self._held = held
        self._let_live(self._live)
        self._let_old_ones_go()

    def _is_kept(self, version: int) -> bool:
        return version in self._pinned or self._held.keeps(version)

    async def pin(self, version: int) -> None:
        """Load a version, and keep it, however many newer ones there are; `unpin` as often as this was called.

        Raises ModelNotFound and ModelNotReady if it does not come alive.
        """
        self._pinned[version] += 1
        if version not in self._live and self.is_wanted:
            published = await self._loader.fingerprints(self.name)
            if version not in published:
                raise no_such_version(self.name, version, published)
            running: asyncio.Task[bool] | None = None
            if self.is_wanted:
                running = self._loading_of(version, published[version])
            while running:  # another load may take over from it
                await asyncio.wait([running])
                _, running = self._loading.get(version, ("", None))
        self.find(version)

    def unpin(self, version: int) -> None:
        self._pinned[version] -= 1
        self._pinned += Counter()  # forget those that are 0
        self._let_old_ones_go()

    def unload(self, reason: str) -> list[asyncio.Task[None]]:
        """Refuse requests from now on, and give up what is being loaded; return what is still being answered."""
        self.is_wanted = False
        for _, task in self._loading.values():
            task.cancel()
        for version in self._status:
            self._status[version] = VersionStatus(version, "unloaded", reason)
        live = [*self._live.values()]
        self._let_live({})
        return [self._retire(one.model) for one in live]

    def _loading_of(self, version: int, fingerprint: str) -> asyncio.Task[bool]:
        """The load of a version as it lies on disk now: the one that is under way, or a new one."""
        known, running = self._loading.get(version, ("", None))
        if running and known == fingerprint:
            return running
        if running:  # what it loads is no longer there
            running.cancel()
        task = asyncio.create_task(self._load_version(version, fingerprint))
        self._loading[version] = fingerprint, task
        task.add_done_callback(lambda task: self._loaded(version, task))
        return task

    def _loaded(self, version: int, task: asyncio.Task[bool]) -> None:
        _, running = self._loading.get(version, ("", None))
        if running is task:
            del self._loading[version]

    async def _load_version(self, version: int, fingerprint: str) -> bool:
        """Return whether the version is live in the end, as it is on disk or as it was."""
        before = self._live.get(version)
        if before and before.opened.fingerprint == fingerprint:
            self._status[version] = VersionStatus(version, "ready")
            return True
        if not before:
            self._status[version] = VersionStatus(version, "loading")
        try:
            opened = await self._loader.load(self.name, version)
            model = await self._go_live(opened)
        except Exception as error:  # a version that cannot be loaded must not take the service with it
            self._tell_failure(version, error)
            return version in self._live
        replaced = self._live.get(version)
        self._let_live({**self._live, version: LiveVersion(model, opened)})
        self._status[version] = VersionStatus(version, "ready")
        log_live(opened)
        self._said.pop(version, None)
        if replaced:
            self._retire(replaced.model)
        self._let_old_ones_go()
        return True

    def _let_old_ones_go(self) -> None:
        for old in sorted(self._live.keys() & self._published.keys(), reverse=True)[self._keep :]:
            if not self._is_kept(old):
                self._status[old] = self._superseded(old)
                self._let_go(old)

    def _let_live(self, live: dict[int, LiveVersion]) -> None:
        self._live = live
        self.live = [live[version] for version in sorted(live, key=self._held.turn)]

    def _let_go(self, version: int) -> None:
        gone = self._live[version]
        self._let_live({number: one for number, one in self._live.items() if number != version})
        self._retire(gone.model)

    def _superseded(self, version: int) -> VersionStatus:
        return VersionStatus(version, "unloaded", f"only the newest {self._keep} are kept loaded")

    def _tell_failure(self, version: int, error: Exception) -> None:
        reason = str(error) if isinstance(error, InvalidArtifact) else f"{type(error).__name__}: {error}"
        if self._said.get(version) != reason:  # what may pass is tried again and again
            log.error("%s version %d is not served: %s", self.name, version, reason)
        self._said[version] = reason
        self._load_failed(version)
        if version in self._live:
            reason = f"the files were changed, and cannot be served as they are now: {reason}"
            self._status[version] = VersionStatus(version, "ready", reason, _may_pass(error))
        else:
            self._status[version] = VersionStatus(version, "failed", reason, _may_pass(error))

    def _forget_withdrawn(self) -> None:
        """Retire what is no longer on disk. Its requests may take as long as their deadlines."""
        for version in self._status.keys() - self._published.keys():
            del self._status[version]
            self._said.pop(version, None)
            if version in self._live:
                self._let_go(version)


def _may_pass(error: Exception) -> bool:
    """Whether it was the disk, or a step of a pipeline that was not there yet, or had too much to do."""
    return isinstance(error, OSError) or isinstance(error.__cause__, MAY_PASS)


def _newest(status: VersionStatus) -> int:
    return -status.version
