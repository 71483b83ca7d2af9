"""Less of what was already said. Knows tokens and how often they came."""

from collections.abc import Mapping

import numpy as np

from app.generation.prompt import Logits, Sampling


def penalise(logits: Logits, counts: Mapping[int, int], sampling: Sampling) -> None:
    """Change, in place, the logits [vocabulary] of the tokens that were generated `counts` times.

    The penalty for repetition is that of CTRL (Keskar et al., 2019), those for frequency and presence are OpenAI's.
    """
    ids = np.fromiter(counts, np.int64, len(counts))
    times = np.fromiter(counts.values(), np.int64, len(counts))
    penalised = logits[ids].astype(np.float64)
    factor = np.where(penalised > 0, 1 / sampling.repetition_penalty, sampling.repetition_penalty)
    penalised = penalised * factor - (times * sampling.frequency_penalty + sampling.presence_penalty)
    # A negative penalty must not make a token infinitely likely.
    logits[ids] = np.minimum(penalised, np.finfo(np.float32).max)
