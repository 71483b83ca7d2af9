"""Keepers and fronts in one process, without Ray: replicas are only told of."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from versions_that_tell import NAME, publish_telling, until

from app.errors import ModelNotFound, ModelNotReady
from app.serving.engine import Ask, Served
from app.serving.held import Held
from app.telemetry import Statistics, Telemetry

if find_spec("ray") is None:
    pytest.skip("Ray is not installed", allow_module_level=True)

from ray_engines import RayActorError, RayEngine, orders_for

from app.fleet import away, deployed, deploying, engine
from app.fleet.environment import Cluster
from app.fleet.keeper import Keeper
from app.fleet.replica import Other
from app.fleet.table import Directory, Front, Life

ASK = Ask(NAME, None, "", [], None, 5.0)


class Handle:
    """As Ray gives one of an actor: what it is asked is done elsewhere, or fails while there is none."""

    def __init__(self, actor: Any) -> None:
        self.actor = actor

    def __getattr__(self, name: str) -> Any:
        async def asked(*arguments: Any) -> Any:
            if self.actor is None:
                raise RayActorError()
            return await getattr(self.actor, name)(*arguments)

        return SimpleNamespace(remote=lambda *arguments: asyncio.ensure_future(asked(*arguments)))


class Replicas:
    """Of one application, as long as there is one. `held` lets them answer."""

    def __init__(self, apps: set[str], app: str, held: asyncio.Event) -> None:
        self._apps, self._app, self._held = apps, app, held

    async def predict(self, ask: Ask) -> str:
        if ask.request_id:
            await self._held.wait()
        if self._app not in self._apps:
            raise ModelNotReady("it is gone")
        return self._app


class Here:
    """A front, its keeper, and the applications that run."""

    def __init__(self, models_dir: Path, monkeypatch: pytest.MonkeyPatch, **differing: Any) -> None:
        self.apps = set[str]()
        self.may_answer = asyncio.Event()
        self.orders = orders_for(models_dir, replicas=1, **differing)
        self.handle = Handle(None)

        def run(deployer: Any, app: str, manifest: Any, scaling: Any) -> None:
            self.apps.add(app)
            told = deployer.told[app]
            told.served = Served(manifest, {}, {}, {}, {})
            told.tell("one", Life(True, False, {}, None, Statistics(), []))

        async def end(deployer: Any, app: str) -> None:
            deployer.told.pop(app, None)
            self.apps.discard(app)

        async def away_of(app: str) -> Any:
            return Replicas(self.apps, app, self.may_answer)

        async def others(deployer: Any, wanted: set[str]) -> None:
            pass

        monkeypatch.setattr(deploying.Deployer, "_run", run)
        monkeypatch.setattr(deploying.Deployer, "_end", end)
        monkeypatch.setattr(deploying.Deployer, "delete_others", others)
        monkeypatch.setattr(deployed, "away", away_of)
        monkeypatch.setattr(engine, "away", away_of)
        monkeypatch.setattr(engine, "beside", self.found)
        self.front = RayEngine(Cluster(True, {}), "here", self.orders, Telemetry(), owns_fleet=False)

    async def found(self, *asked: Any) -> Handle:
        self.start()
        return self.handle

    def start(self) -> None:
        """A keeper takes the place of the one before, of whom it knows nothing."""
        self.handle.actor = Keeper("keeper", "here", {}, True, self.orders)

    async def complete(self) -> Directory:
        """Return what the keeper tells once it has loaded all."""
        for _ in range(1000):
            table: Directory = await self.handle.table.remote(Front("nobody", "", -1, frozenset(), {}))
            if table.is_complete:
                return table
            await asyncio.sleep(0.01)
        raise AssertionError("it did not load all in time")


@pytest.fixture
def scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    publish_telling(tmp_path / "models", tmp_path / "scratch", 2)

    def run(main: Callable[[Here], Coroutine[Any, Any, None]], **differing: Any) -> None:
        async def inside() -> None:
            await main(Here(tmp_path / "models", monkeypatch, **differing))

        asyncio.run(asyncio.wait_for(inside(), 60))

    return run


def test_content_that_is_loaded_again_while_it_still_answers_is_not_ended_with_what_was_let_go(scenario):
    async def main(here: Here) -> None:
        await here.front.load()
        first = await here.front.predict(ASK)
        asked = asyncio.create_task(here.front.predict(ASK._replace(request_id="held")))
        await asyncio.sleep(0)
        unloading = asyncio.create_task(here.front.unload(NAME))
        await until(lambda: not here.front.can_answer(NAME, 2))
        await here.front.load(NAME)
        here.may_answer.set()
        assert await asked == first
        await asyncio.wait_for(unloading, 5)  # of 10 that a drain may take
        await asyncio.sleep(0.1)
        assert await here.front.predict(ASK) == first
        await here.front.unload(NAME)
        assert not here.apps

    scenario(main)


def test_a_keeper_that_is_started_anew_is_told_which_version_is_to_answer(scenario):
    async def main(here: Here) -> None:
        await here.front.load()
        here.front.hold(NAME, Held(1))
        await until(lambda: here.front.find(NAME).manifest.version == 1)
        for ask_at_once in (False, True):  # or the front hears of it by itself
            here.handle.actor = None
            with pytest.raises(ModelNotReady, match="started anew"):
                await here.front.pin(NAME, 2)
            here.start()
            if ask_at_once:
                with pytest.raises(ModelNotReady, match="being loaded"):
                    await here.front.pin(NAME, 2)
            assert (await here.complete()).live[NAME][0].version == 1
            assert here.front.find(NAME).manifest.version == 1

    scenario(main)


def test_a_version_that_is_pinned_can_be_asked_at_once(scenario):
    async def main(here: Here) -> None:
        await here.front.load()
        assert not here.front.can_answer(NAME, 1)
        await here.front.pin(NAME, 1)
        assert here.front.find(NAME, 1).manifest.version == 1
        here.front.unpin(NAME, 1)
        await until(lambda: not here.front.can_answer(NAME, 1))
        with pytest.raises(ModelNotFound, match="no version 9"):
            await here.front.pin(NAME, 9)

    scenario(main, keep_versions=1)


def test_before_there_is_a_keeper_nothing_is_pinned_or_unloaded(scenario):
    async def main(here: Here) -> None:
        for asked in (here.front.pin(NAME, 1), here.front.unload(NAME)):
            with pytest.raises(ModelNotReady, match="models are being loaded"):
                await asked
        here.front.unpin(NAME, 1)

    scenario(main)


def test_two_who_load_at_once_meet_one_keeper(scenario):
    async def main(here: Here) -> None:
        await asyncio.gather(here.front.load(), here.front.load(NAME))
        assert len([one for one in asyncio.all_tasks() if "_follow" in repr(one.get_coro())]) == 1

    scenario(main)


def test_while_there_is_no_keeper_a_replica_asks_another_model_where_it_answered_before(monkeypatch):
    async def main() -> None:
        apps = {"there"}
        handle = Handle(SimpleNamespace(where=lambda name: asyncio.sleep(0, "there")))

        async def away_of(app: str) -> Any:
            return Replicas(apps, app, asyncio.Event())

        monkeypatch.setattr("app.fleet.replica.away", away_of)
        other, stranger = Other("writer", handle), Other("writer", handle)
        assert await other.predict(ASK) == "there"
        handle.actor = None
        assert await other.predict(ASK) == "there"
        with pytest.raises(ModelNotReady, match="not known where writer answers"):
            await stranger.predict(ASK)

    asyncio.run(main())


def test_an_application_that_is_gone_is_not_ready(monkeypatch):
    def gone(*names: str) -> None:
        raise KeyError("it does not exist")

    monkeypatch.setattr(away.serve, "get_deployment_handle", gone)
    with pytest.raises(ModelNotReady, match="there is not deployed"):
        asyncio.run(away.away("there"))
