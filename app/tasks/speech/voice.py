"""The stretches of a recording in which somebody speaks, as Silero's detector of voice activity hears them."""

from typing import NamedTuple

import numpy as np

from app.abandoned import require_wanted
from app.tasks.speech.files import Samples
from app.tasks.speech.recording import RATE
from app.tensors import Session

FRAME, CONTEXT = 512, 64  # samples of a frame, and of those before it that it is heard with
STATE = (1, 1, 128)
FRAMES_AT_A_TIME = 512
BEGINS, ENDS = 0.5, 0.35  # probabilities of speech, as Silero's own code has them
LEAST_PAUSE_FRAMES = 4  # .13 s: shorter ones are parts of words
LEAST_SPEECH_FRAMES = 8  # .26 s: shorter ones are clicks
MARGIN = RATE // 5  # samples that belong to speech before and after it, if the pause is long enough for both
SILENT = 1e-4  # of full scale: no sample of a silent recording is larger


class Stretch(NamedTuple):
    """From a sample on, up to another."""

    start: int
    end: int


def without_detector(samples: Samples) -> list[Stretch]:
    """Return all of it as one stretch, unless it is silent."""
    return [Stretch(0, len(samples))] if np.abs(samples).max(initial=0) > SILENT else []


def speech_in(samples: Samples, vad: Session) -> list[Stretch]:
    """Return the stretches of speech in samples at RATE, in order, each with some of the pauses around it."""
    return stretches_of(probabilities(samples, vad), len(samples))


def probabilities(samples: Samples, vad: Session) -> Samples:
    """Return the probability of speech in each frame, fp32 [frames]; what the detector remembers is carried along."""
    count = -(-len(samples) // FRAME)
    padded = np.zeros(CONTEXT + count * FRAME, np.float32)
    padded[CONTEXT : CONTEXT + len(samples)] = samples
    frames = np.lib.stride_tricks.sliding_window_view(padded, CONTEXT + FRAME)[::FRAME]
    hidden = cell = np.zeros(STATE, np.float32)
    found = []
    for at in range(0, count, FRAMES_AT_A_TIME):
        require_wanted()
        block = np.ascontiguousarray(frames[at : at + FRAMES_AT_A_TIME])
        made = vad.run({"input": block, "h": hidden, "c": cell})
        hidden, cell = made["hn"], made["cn"]
        found.append(made["speech_probs"])
    return np.concatenate(found)


def stretches_of(probability: Samples, num_samples: int) -> list[Stretch]:
    """Return the stretches of `num_samples` in which frames are of speech, by the probability of each."""
    found = [one for one in _spoken(probability) if one.end - one.start >= LEAST_SPEECH_FRAMES]
    starts = [one.start * FRAME for one in found]
    ends = [min(one.end * FRAME, num_samples) for one in found]
    pauses = np.array([*starts, num_samples]) - np.array([0, *ends])  # before each, and after the last
    shares = [
        min(MARGIN, int(pause)) if at in (0, len(found)) else min(MARGIN, int(pause) // 2)
        for at, pause in enumerate(pauses)
    ]
    return [
        Stretch(start - shares[at], end + shares[at + 1])
        for at, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _spoken(probability: Samples) -> list[Stretch]:
    """Return stretches of frames: from the first that is likely speech to where none is likely for a while."""
    found: list[Stretch] = []
    start, last = -1, -1  # of the stretch that goes on, if any: its first frame, and its last that may be speech
    for at, one in enumerate(probability.tolist()):
        if start < 0:
            if one >= BEGINS:
                start = last = at
        elif one >= ENDS:
            last = at
        elif at - last >= LEAST_PAUSE_FRAMES:
            found.append(Stretch(start, last + 1))
            start = -1
    return [*found, Stretch(start, last + 1)] if start >= 0 else found
