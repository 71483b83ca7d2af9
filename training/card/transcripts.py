"""The quality of transcripts on a card: how many words are right, how long they took, and some to look at."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from app.repository.manifest import Metric, Source
from app.tasks.speech.features import WINDOW_S
from training.card.markdown import figure, table
from training.data.spoken_texts import PROMPTS_SOURCE, Spoken
from training.measures.transcripts import Transcribed, error_rate

SHOWN = 10


def accuracy(name: str, source: Source, spoken: Sequence[Spoken], written: Sequence[Transcribed]) -> Metric:
    """1 less the word error rate, which may be negative."""
    texts = [one.text for one in spoken]
    return Metric(
        name=name,
        value=1 - error_rate([one.text for one in written], texts),
        dataset=source.name,
        split=f"{len(texts)} recordings of {sum(one.lasts_s for one in written):.0f} s: 1 less the word error rate",
    )


def real_time_factor(written: Sequence[Transcribed]) -> Metric:
    return Metric(
        name="real_time_factor",
        value=factor_of(written),
        dataset=PROMPTS_SOURCE.name,
        split=f"{len(written)} recordings one at a time, on {torch.get_num_threads()} cores that did other work, too; "
        f"the encoder reads {WINDOW_S} s of each, however short it is",
    )


def factor_of(written: Sequence[Transcribed]) -> float:
    """Seconds that transcripts took, for each second of the recordings."""
    return sum(one.took_s for one in written) / sum(one.lasts_s for one in written)


def costs(
    spoken: Sequence[Sequence[Spoken]],
    written: Mapping[str, Sequence[Sequence[Transcribed]]],
    megabytes: Mapping[str, float],
) -> str:
    """A table of each precision. `spoken`: the prompts and the readings; of them is also what is `written`.

    The first precision is the one that the others are compared with.
    """
    first = [one.text for some in next(iter(written.values())) for one in some]
    rows = []
    for name, (prompts, readings) in written.items():
        texts = [one.text for one in (*prompts, *readings)]
        accuracies = [
            figure(1 - error_rate([one.text for one in ours], [one.text for one in theirs]))
            for ours, theirs in zip((prompts, readings), spoken, strict=True)
        ]
        same = sum(one == other for one, other in zip(texts, first, strict=True))
        factor = figure(factor_of(prompts))
        rows.append((name, *accuracies, f"{same} of {len(texts)}", factor, f"{megabytes[name]:.0f} MB"))
    heads = ("precision", "word accuracy", "read aloud", "the very text of the first", "real-time factor", "graphs")
    return table(heads, rows)


def shown(spoken: Sequence[Spoken], written: Sequence[Transcribed], seed: int) -> str:
    """A table of some, good or bad."""
    drawn = sorted(np.random.default_rng(seed).permutation(len(spoken))[:SHOWN])
    return table(("what is said", "transcript"), [(spoken[i].text, written[i].text) for i in drawn])
