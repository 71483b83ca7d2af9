"""Rounds of the event loop: while several callers ask, none of them has many requests advanced in one round.

The loop serves all that is ready before it looks for more. A hundred answers that are ready at once, of one caller,
would keep everybody else's next step waiting for the whole of that time, and a request takes some five steps.
"""

import asyncio
from collections import Counter, deque
from time import monotonic

MOST_IN_ROUND = 3
SEVERAL_FOR_S = 1.0  # since two callers asked in turn


class Rounds:
    """Steps of callers on one event loop. While only one asks, each begins at once."""

    def __init__(self) -> None:
        self._latest = ""
        self._several_until = 0.0
        self._begun: Counter[str] = Counter()  # in this round
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        self._is_watching = False

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
        if line is None and self._begun[caller] < MOST_IN_ROUND:
            self._begun[caller] += 1
            return
        if line is None:
            line = self._waiting[caller] = deque()
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        line.append(turn)
        await turn

    def _next_round(self) -> None:
        self._begun.clear()
        for caller, line in list(self._waiting.items()):
            while line and self._begun[caller] < MOST_IN_ROUND:
                turn = line.popleft()
                if not turn.done():  # or whoever waited has gone
                    turn.set_result(None)
                    self._begun[caller] += 1
            if not line:
                del self._waiting[caller]
        self._is_watching = bool(self._begun)
        if self._is_watching:
            asyncio.get_running_loop().call_soon(self._next_round)
