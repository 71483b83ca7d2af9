"""The seconds that passes of a decoder take, by measurement. Knows nothing of answers or threads."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from time import perf_counter
from typing import cast

import numpy as np

from app.tensors import Decoder, EncoderInput, SequenceDecoder

LEARNING_RATE = 0.1  # of the last pass: some tens of them make up what is believed
# One pass says no more than this of how much slower or faster than the model they are: the machine may have slept.
LEAST_TOLD, MOST_TOLD = 0.2, 5.0
CHUNKS = (16, 32, 64, 128, 256)
LARGEST_CHUNK = 512  # where no answer waits for its next token
FEW_TOKENS, SOME_TOKENS, LONG_PROMPT = 16, 128, 512
REPEATS = 2
LEAST_S = 1e-7  # a term of the model takes, however it was measured

Sources = Callable[[int], EncoderInput]
"""A source of about so many places."""


@dataclass(slots=True)
class StepCost:
    """Seconds of a pass: linear in the rows that step, in all their tokens, and in a chunk and what came before it.

    `slower` says how many times longer passes take of late than by this.
    """

    base_s: float
    row_s: float
    token_s: float
    read_s: float
    past_s: float
    """For each token of a chunk and each token before it."""
    slower: float = 1.0

    @property
    def measured(self) -> dict[str, float]:
        """The terms by name, with which another one like this can be made."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "slower"}

    def step_s(self, rows: int, tokens: int) -> float:
        """Return the seconds of a step of `rows` answers that have `tokens` tokens together."""
        return self.base_s + rows * self.row_s + tokens * self.token_s if rows else 0.0

    def chunk_s(self, chunk: int, past: int = 0) -> float:
        """Return the seconds of reading `chunk` tokens after `past` others."""
        return self.base_s + chunk * (self.read_s + self.past_s * (past + chunk / 2))

    def prompt_s(self, tokens: int) -> float:
        """Return the seconds of reading a prompt of so many tokens in large chunks."""
        return sum(self.chunk_s(min(LARGEST_CHUNK, tokens - at), at) for at in range(0, tokens, LARGEST_CHUNK))

    def chunk_within(self, seconds: float, past: int) -> int:
        """Return the largest chunk that is read in about `seconds`; the smallest, if none is."""
        fits = [chunk for chunk in CHUNKS if self.slower * self.chunk_s(chunk, past) <= seconds]
        return fits[-1] if fits else CHUNKS[0]

    def learn(self, expected_s: float, taken_s: float) -> None:
        """Take into account what a pass took, of which `expected_s` was expected."""
        told = min(max(taken_s / max(expected_s, LEAST_S), LEAST_TOLD), MOST_TOLD)
        self.slower += LEARNING_RATE * (told - self.slower)


def measure_steps(decoder: Decoder, most_rows: int, sources: Sources | None = None) -> StepCost:
    """Try steps and chunks of several sizes; takes a second or two. What lies in the slots is written over.

    With `sources`, of a decoder of sequences, what is read are these, each as a whole.
    """
    few, some = FEW_TOKENS, min(SOME_TOKENS, decoder.capacity)
    long = max(few, min(LONG_PROMPT, decoder.capacity - most_rows - some))

    def step(rows: int, length: int) -> float:
        ids, lengths = np.zeros((rows, 1), np.int64), np.full(rows, length, np.int32)
        return _fastest(lambda: decoder.run(ids, 0, lengths))

    def read(chunk: int, past: int) -> float:
        ids, lengths = np.zeros((1, chunk), np.int64), np.array([past + chunk], np.int32)
        return _fastest(lambda: decoder.run(ids, 0, lengths))

    if sources is not None:
        for slot in range(most_rows):
            cast(SequenceDecoder, decoder).begin(slot, sources(few))

    one, many, longer = step(1, few), step(most_rows, few), step(most_rows, long)
    token_s = max(LEAST_S, (longer - many) / (most_rows * max(1, long - few)))
    row_s = max(LEAST_S, (many - one) / max(1, most_rows - 1) - few * token_s)
    base_s = max(LEAST_S, one - row_s - few * token_s)
    if sources is not None:
        return StepCost(base_s, row_s, token_s, _place_s(cast(SequenceDecoder, decoder), sources, base_s), LEAST_S)
    short, more, late = read(few, 0), read(some, 0), read(some, long)
    past_s = max(LEAST_S / some, (late - more) / (some * long))
    read_s = max(LEAST_S, min((more - short) / max(1, some - few), (more - base_s) / some))
    return StepCost(base_s, row_s, token_s, read_s, past_s)


def _place_s(decoder: SequenceDecoder, sources: Sources, base_s: float) -> float:
    """Seconds of each place of a source. Some encoders read sources of one length only."""
    few, some = sources(FEW_TOKENS), sources(SOME_TOKENS)
    short, more = (_fastest(partial(decoder.begin, 0, one)) for one in (few, some))
    each = (more - base_s) / some.length
    return max(LEAST_S, min(each, (more - short) / (some.length - few.length)) if some.length > few.length else each)


def _fastest(run: Callable[[], object]) -> float:
    """Seconds of the fastest of a few runs, since whatever else the machine does only ever adds time."""
    taken = []
    for _ in range(REPEATS):
        started = perf_counter()
        run()
        taken.append(perf_counter() - started)
    return min(taken)
