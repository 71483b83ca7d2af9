"""The answer to a window, the segments in it, and whether they can be relied on."""

import zlib
from collections.abc import Sequence
from typing import NamedTuple

from app.tasks.speech.windows import Window

# As OpenAI's code has them (Radford et al., 2022, 4.5).
MOST_NO_SPEECH, LEAST_LOGPROB, MOST_COMPRESSION = 0.6, -1.0, 2.4


class WindowAnswer(NamedTuple):
    """The answer to one window: tokens of text and of times, and how sure the model was of them."""

    window: Window
    ids: Sequence[int]
    avg_logprob: float
    no_speech_prob: float

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks there: the model thinks so, and is not sure of what it has written."""
        return self.no_speech_prob > MOST_NO_SPEECH and self.avg_logprob < LEAST_LOGPROB


class Piece(NamedTuple):
    """A segment: from one second of the recording to another. Its text begins with a blank where words have them."""

    start: float
    end: float
    text: str
    written: WindowAnswer

    @property
    def compression_ratio(self) -> float:
        content = self.text.encode()
        return len(content) / len(zlib.compress(content)) if content else 0.0

    @property
    def is_doubtful(self) -> bool:
        """Whether it repeats itself, as a model that is lost does, or the model was not sure."""
        return self.compression_ratio > MOST_COMPRESSION or self.written.avg_logprob < LEAST_LOGPROB
