"""The decoder of a version that writes text, and how long its steps take."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from app.errors import InvalidArtifact
from app.generation.prompt import Prompt
from app.runtimes.arena import memory_bytes
from app.serving.curve import LatencyCurve
from app.serving.step_cost import FEW_TOKENS, StepCost, measure_steps
from app.tasks.kernel import Kernel
from app.tensors import Decoder, EncoderInput, Session

MEMORY_SHARE = 0.2  # of the memory that the process may use, for the keys and values of one model
USUAL_TOKENS = 256  # of a prompt and its answer
SLOTS_A_ROW = 2  # so that as many prompts are remembered as answers are in flight


@dataclass(slots=True)
class Stepping:
    """`most_rows` answers may be in flight, with `most_tokens` of prompts and answers together."""

    decoder: Decoder
    cost: StepCost
    most_rows: int
    most_tokens: int

    @property
    def curve(self) -> LatencyCurve:
        """Seconds of a step, by the answers in it, while each has USUAL_TOKENS."""
        return LatencyCurve({(rows, 1): self.cost.step_s(rows, rows * USUAL_TOKENS) for rows in {1, self.most_rows}})

    def reopen(self, kernel: Kernel, sessions: Mapping[str, Session]) -> None:
        """Make the decoder anew, with nothing in its slots: the thread that had it may still use the other one."""
        self.decoder = kernel.decoder(sessions, self.decoder.slots)


def open_stepping(
    kernel: Kernel, sessions: Mapping[str, Session], most_rows: int, cost: StepCost | None = None
) -> Stepping:
    """Make room for answers, and measure what their steps take unless it is known.

    Raises InvalidArtifact, and MemoryError.
    """
    if kernel.writes_rows and (own := _prompt(kernel, FEW_TOKENS).beams.number) > most_rows:
        raise InvalidArtifact(f"each answer has {own} beams, and the manifest's max_batch_size is {most_rows}")
    decoder = kernel.decoder(sessions, SLOTS_A_ROW * most_rows)
    most_tokens = int(MEMORY_SHARE * memory_bytes()) // decoder.token_bytes
    if cost is None:
        cost = measure_steps(decoder, most_rows, partial(_source, kernel) if kernel.writes_rows else None)
        for slot in range(decoder.slots):
            decoder.forget(slot)
    most = kernel.most_reserved
    least = min(kernel.most_beams, most_rows) * most  # one answer always has room
    return Stepping(decoder, cost, most_rows, max(least, min(most_tokens, most_rows * most)))


def _source(kernel: Kernel, length: int) -> EncoderInput:
    source = _prompt(kernel, length).source
    assert source is not None, "the prompts of a kernel that writes rows have sources"
    return source


def _prompt(kernel: Kernel, length: int) -> Prompt:
    row = kernel.probe(length)
    assert row is not None, "a kernel that writes rows has a probe"
    return kernel.prompt_of(row)
