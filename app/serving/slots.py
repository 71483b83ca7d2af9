"""The places of answers in the slots of a decoder, and prompts that are known from before.

Answers that get a token in each pass lie in the first slots, one beside the other, since a run takes neighbours only.
Prompts that are being read may lie anywhere. What is left of an answer that is over is the prompt, for as long as its
slot is not needed: whose prompt begins alike, of the same caller, need not have that part read again. Of others he
would not even be told by how fast his answer is.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import NamedTuple

import numpy as np

from app.serving.writing import NOWHERE, Beam, Writing

# Fewer tokens than these are read again as fast as they are copied.
LEAST_SHARED = 32
# Kernels that read one token and those that read several round differently, in the last digit. So that the same prompt
# always has the same answer, what is left to read of a prompt is never a single token.
LEAST_READ = 2
MOST_LOST = 0.5  # of a known prompt, for it to be written over by one that begins like it


class Copy(NamedTuple):
    source: int
    target: int
    length: int


class Swap(NamedTuple):
    one: int
    other: int
    length: int


class Forget(NamedTuple):
    slot: int


Move = Copy | Swap | Forget


@dataclass(slots=True, eq=False)
class Known:
    """A prompt that was read before, of an answer that is over."""

    caller: Hashable
    ids: tuple[int, ...]
    used: int
    slot: int = NOWHERE


class Slots:
    """A table of slots; `moves` are to be made by the decoder before its next run."""

    def __init__(self, number: int, most_tokens: int) -> None:
        """`most_tokens` may lie in all slots together, with those for which answers have reserved room."""
        self._at: list[Writing | Beam | Known | None] = [None] * number
        self._most_tokens = most_tokens
        self._clock = count(1)
        self.num_stepping = 0
        self.moves: list[Move] = []

    def __len__(self) -> int:
        """The number of answers that have a slot."""
        return sum(isinstance(one, Writing) for one in self._at)

    @property
    def num_rows(self) -> int:
        """Return how many rows these answers have or will have: each beam is one."""
        return sum(one.num_rows for one in self._at if isinstance(one, Writing))

    @property
    def rows(self) -> list[Writing | Beam]:
        """The rows of a step, by their slots."""
        return [one for one in self._at[: self.num_stepping] if isinstance(one, Writing | Beam)]

    @property
    def stepping(self) -> list[Writing]:
        """Answers that get a token in each pass, by their slots."""
        return [one for one in self._at[: self.num_stepping] if isinstance(one, Writing)]

    @property
    def reading(self) -> list[Writing]:
        """Answers whose prompts are being read."""
        return [one for one in self._at[self.num_stepping :] if isinstance(one, Writing)]

    @property
    def known(self) -> list[Known]:
        """Prompts that were read before, by their slots."""
        return [one for one in self._at if isinstance(one, Known)]

    @property
    def reserved(self) -> int:
        return sum(one.reserved for one in self._at if isinstance(one, Writing))

    @property
    def known_tokens(self) -> int:
        """The number of tokens in all slots."""
        return sum(_length(one) for one in self._at)

    def has_room(self, writing: Writing) -> bool:
        has_slots = self.num_rows + writing.num_rows <= len(self._at)
        return has_slots and self.reserved + writing.reserved <= self._most_tokens

    def promised(self, writing: Writing) -> bool:
        """Whether a prompt that is being read just now will save this one more than what is known already."""
        if writing.prompt.source is not None:
            return False
        best = max((_shared(one, writing) for one in self._at), default=0)
        return any(
            _common(one.prompt.ids, writing.prompt.ids) >= best + LEAST_SHARED
            for one in self.reading
            if one.terms.caller == writing.terms.caller
        )

    def admit(self, writing: Writing) -> None:
        """Give it a slot, with as much of its prompt as is known."""
        source = max(self._at, key=lambda one: _shared(one, writing))
        shared = min(_shared(source, writing), len(writing.prompt.ids) - LEAST_READ)
        if source is None or shared < LEAST_SHARED:
            source, shared = None, 0
        if isinstance(source, Known) and shared >= MOST_LOST * len(source.ids):
            target = source.slot
        else:
            target = self._free_slot(spared=source)
            if source is not None:
                self.moves.append(Copy(source.slot, target, shared))
        if isinstance(source, Known):
            source.used = next(self._clock)
        writing.known = writing.cached = shared
        self._put(writing, target)
        self._make_room()

    def begin_stepping(self, writing: Writing) -> None:
        """All of its prompt was read, and it has its first token, or all but the token that it steps with first."""
        writing.known = max(writing.known, len(writing.ids) - 1)
        self._step(writing)

    def branch(self, writing: Writing, parents: Sequence[int]) -> None:
        """Let each row of an answer know what the row of its parent knows. At first, find slots for its beams."""
        while len(writing.beams) < len(parents) - 1:
            beam = Beam(writing)
            writing.beams.append(beam)
            self._put(beam, self._free_slot(spared=None))
            self._step(beam)
        rows = writing.rows
        for row, parent in zip(rows, parents, strict=True):
            if rows[parent] is not row:
                self.moves.append(Copy(rows[parent].slot, row.slot, writing.known))

    def release(self, writing: Writing) -> None:
        """It is over: only its prompt stays, as far as that was read."""
        for row in writing.rows:
            if row.slot < self.num_stepping:
                self.num_stepping -= 1
                self._exchange(row.slot, self.num_stepping)
            self._at[row.slot] = None
        # Not the tokens of the answer: they were read one at a time, which rounds differently.
        ids = writing.prompt.ids[: min(writing.known, len(writing.prompt.ids))]
        if len(ids) >= LEAST_SHARED and writing.prompt.source is None:
            self._put(Known(writing.terms.caller, ids, next(self._clock)), writing.slot)
        for row in writing.rows:
            if self._at[row.slot] is None:
                self.moves.append(Forget(row.slot))
            row.slot = NOWHERE

    def clear(self) -> list[Writing]:
        """Forget all that lies in the slots, and return the answers that did: their tokens have to be read again."""
        lost = [one for one in self._at if isinstance(one, Writing)]
        for one in lost:
            one.begin_again()
        self._at = [None] * len(self._at)
        self.num_stepping = 0
        self.moves.clear()
        return lost

    def take_moves(self) -> Sequence[Move]:
        moves, self.moves = self.moves, []
        return moves

    def _step(self, row: Writing | Beam) -> None:
        self._exchange(row.slot, self.num_stepping)
        self.num_stepping += 1

    def _put(self, one: Writing | Beam | Known, slot: int) -> None:
        self._at[slot] = one
        one.slot = slot

    def _free_slot(self, spared: Writing | Beam | Known | None) -> int:
        """An empty slot, or that of the prompt that was not used for longest."""
        for slot, one in enumerate(self._at):
            if one is None:
                return slot
        known = [one for one in self.known if one is not spared]
        if not known:  # all others are in use
            assert isinstance(spared, Known)
            return spared.slot
        return min(known, key=lambda one: one.used).slot

    def _exchange(self, slot: int, other: int) -> None:
        if slot == other:
            return
        mine, theirs = self._at[slot], self._at[other]
        self.moves.append(Swap(slot, other, max(_length(mine), _length(theirs))))
        self._at[slot], self._at[other] = theirs, mine
        for one, place in ((mine, other), (theirs, slot)):
            if one is not None:
                one.slot = place

    def _make_room(self) -> None:
        """Let known prompts go, those that were not used for longest first, until there is room for the reserved."""
        known = sorted(self.known, key=lambda one: one.used)
        tokens = self.reserved + sum(len(one.ids) for one in known)
        for one in known:
            if tokens <= self._most_tokens:
                break
            tokens -= len(one.ids)
            self._at[one.slot] = None
            self.moves.append(Forget(one.slot))


def _length(one: Writing | Beam | Known | None) -> int:
    if one is None:
        return 0
    return len(one.ids) if isinstance(one, Known) else one.known if isinstance(one, Writing) else one.writing.known


def _shared(one: Writing | Beam | Known | None, writing: Writing) -> int:
    """The number of tokens at the start of its prompt that lie in the slot of `one`, unless it is of a source."""
    if one is None or isinstance(one, Beam) or writing.prompt.source is not None:
        return 0
    if isinstance(one, Known):
        return _common(one.ids, writing.prompt.ids) if one.caller == writing.terms.caller else 0
    if one.terms.caller != writing.terms.caller:
        return 0
    return min(one.known, _common(one.prompt.ids, writing.prompt.ids))


def _common(ids: Sequence[int], others: Sequence[int]) -> int:
    """The number of tokens that two sequences begin with in common."""
    length = min(len(ids), len(others))
    if ids[:length] == others[:length]:
        return length
    differs = np.array(ids[:length]) != np.array(others[:length])
    return int(differs.argmax())
