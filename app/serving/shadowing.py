"""A copy of what callers ask is put to a version whose answers nobody gets: they are compared, and thrown away."""

import asyncio
from contextvars import Context
from functools import partial
from time import perf_counter

from app.errors import ModelNotFound, ModelNotReady, Overloaded
from app.serving.disagreement import Difference, difference_of, most
from app.serving.engine import Ask, Engine, Prediction
from app.serving.figures import Figures
from app.serving.scheduler import BACKGROUND_LEVEL
from app.serving.worker import Worker, WorkerDied
from app.tasks.contract import Contract

MOST_AT_ONCE = 4  # of one model: their items stay in memory, and they take time from callers
# A caller whose rows have waited this long for others, and for this share of their own run, shows that there is more to
# do than lanes: a copy would keep the next caller waiting. An idle model takes its rows within some tenths of a ms.
LOAD_S, LOAD_SHARE = 0.002, 0.25
WITHIN_S = 30.0  # whatever time the caller had: a slow version is to be measured, too
COMPARE_S = 10.0
CALLER = "shadow"  # all copies share what one caller gets


class Shadowing:
    """Asks a shadow version, a few questions at a time; what comes meanwhile, or while callers wait, is dropped."""

    def __init__(self, engine: Engine, figures: Figures) -> None:
        """`figures` are those of the shadow, of which they have the version."""
        self._engine, self._figures = engine, figures
        self._asking: set[asyncio.Task[None]] = set()
        self._worker: Worker | None = None
        self._is_closed = False
        self._one_compares = asyncio.Lock()

    def offer(self, ask: Ask, answered: Prediction) -> None:
        """Ask what a caller has just been answered, unless that would cost other callers time."""
        if self._is_closed:
            return
        timing = answered.timing
        if timing.queue_s > max(LOAD_S, LOAD_SHARE * timing.inference_s):
            self._figures.dropped("load")
        elif len(self._asking) >= MOST_AT_ONCE:
            self._figures.dropped("busy")
        else:
            # In a context of its own: whatever belongs to the request, such as who asks and its trace, ends with it.
            task = asyncio.get_running_loop().create_task(self._ask(ask, answered), context=Context())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    def close(self) -> None:
        """Give up what is being asked, and ask nothing more."""
        self._is_closed = True
        for task in self._asking:
            task.cancel()
        if self._worker:
            self._worker.abandon()

    async def _ask(self, ask: Ask, answered: Prediction) -> None:
        version, started = self._figures.version, perf_counter()
        asked = ask._replace(
            version=version,
            within_s=WITHIN_S,
            priority=BACKGROUND_LEVEL,
            caller=CALLER,
            traceparent="",
            chosen=None,
        )
        try:
            contract = self._engine.find(ask.model, version).contracts.get(ask.view)
            prediction = await self._engine.predict(asked)
        except (ModelNotFound, ModelNotReady):  # or takes other inputs
            self._figures.dropped("not ready")
        except Overloaded:
            self._figures.dropped("refused")
        except Exception as error:  # of whatever kind: no caller is to notice
            self._figures.failed(error)
        else:
            self._figures.answered(perf_counter() - started)
            await self._compare(answered, prediction, contract)

    async def _compare(self, ours: Prediction, theirs: Prediction, contract: Contract | None) -> None:
        async with self._one_compares:
            worker = self._worker = self._worker or Worker("comparing", gives_way=True)
            try:
                found = await worker.call(partial(_difference, ours, theirs, contract), COMPARE_S)
            except WorkerDied:
                worker.abandon()
                self._worker = None
                self._figures.dropped("not compared")
            except Exception as error:  # outputs of a kind that nobody has thought of
                self._figures.failed(error)
            else:
                self._figures.compared(found)


def _difference(ours: Prediction, theirs: Prediction, contract: Contract | None) -> Difference:
    pairs = zip(ours.outputs, theirs.outputs, strict=True)
    return most([difference_of(one, other, contract) for one, other in pairs])
