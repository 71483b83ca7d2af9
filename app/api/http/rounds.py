"""Rounds of the event loop: while several callers ask, none of them has two requests advanced in one round.

The loop serves all that is ready before it looks for more. A hundred answers that are ready at once, of one caller,
would keep everybody else's next step waiting for the whole of that time, and a request takes some five steps. Its graph
is computed on another thread, which needs the interpreter before and after: while steps of somebody are put off, the
event loop hands it over sooner.
"""

import asyncio
from collections import deque
from time import monotonic, perf_counter

from app.serving.interpreter import Hurry

SEVERAL_FOR_S = 1.0  # since two callers asked in turn
RESTS_S = 0.1  # without a step that is put off: nobody asks for more than the event loop can do


class Rounds:
    """Steps of callers on one event loop. While only one asks, each begins at once."""

    def __init__(self) -> None:
        self._latest = ""
        self._several_until = 0.0
        self._begun: set[str] = set()  # in this round
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._is_watching = False
        self._puts_off_since: float | None = None
        self._last_put_off = 0.0
        self._hurry = Hurry(self._since)

    async def step(self, caller: str) -> None:
        """Wait until it is this round's turn for one more step of `caller`; his steps begin in the order they came."""
        if caller != self._latest:
            self._latest, self._several_until = caller, monotonic() + SEVERAL_FOR_S
        elif not self._waiting and monotonic() >= self._several_until:
            return
        if not self._is_watching:
            self._is_watching = True
            asyncio.get_running_loop().call_soon(self._next_round)
        line = self._waiting.get(caller)
        if line is None and caller not in self._begun:
            self._begun.add(caller)
            return
        if line is None:
            line = self._waiting[caller] = deque()
        loop = asyncio.get_running_loop()
        self._hurry.begins(loop.time())
        self._last_put_off = perf_counter()
        if self._puts_off_since is None:
            self._puts_off_since = self._last_put_off
        turn: asyncio.Future[None] = loop.create_future()
        line.append(turn)
        await turn

    def close(self) -> None:
        self._hurry.close()

    def _next_round(self) -> None:
        self._begun.clear()
        for caller, line in list(self._waiting.items()):
            while line and caller not in self._begun:
                turn = line.popleft()
                if not turn.done():  # or whoever waited has gone
                    turn.set_result(None)
                    self._begun.add(caller)
            if not line:
                del self._waiting[caller]
        self._is_watching = bool(self._begun)
        if self._is_watching:
            asyncio.get_running_loop().call_soon(self._next_round)

    def _since(self) -> float | None:
        """Since when steps have been put off, without a rest."""
        if self._puts_off_since is not None and perf_counter() - self._last_put_off >= RESTS_S:
            self._puts_off_since = None
        return self._puts_off_since
