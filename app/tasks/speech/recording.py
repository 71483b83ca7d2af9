"""Files of sound as one channel at 16 kHz, within limits. They are decoded block by block."""

from collections.abc import Iterator

import numpy as np
import soxr

from app.abandoned import require_wanted
from app.errors import InvalidInput
from app.tasks.speech.files import Samples, Sound, opened

RATE = 16_000
LEAST_RATE, MOST_RATE = 4_000, 384_000  # Hz: below, nothing of speech is left; above, no sound is recorded
MOST_CHANNELS = 8
LEAST_SECONDS = 0.1
VALUES_A_SECOND = 96_000  # that a recording may have on average, of all channels: those of stereo at 48 kHz
MOST_VALUE = 1e30  # of a sample: sums of larger ones overflow
LOUDEST = 8.0  # times full scale, from which on a recording is scaled: its values were meant for integers


def seconds_of(content: bytes, max_seconds: float) -> float:
    """Return how long a recording is, by its header. Raises InvalidInput as `read_recording` does."""
    with opened(content) as sound:
        _require_fitting(sound, max_seconds)
        return sound.frames / sound.rate


def read_recording(content: bytes, max_seconds: float) -> Samples:
    """Return the mean of all channels, fp32 [samples] at RATE, mostly from -1 to 1.

    Raises InvalidInput for what is no recording, is damaged, or is longer; no more than that is decoded.
    """
    with opened(content) as sound:
        _require_fitting(sound, max_seconds)
        parts = list(_resampled(_mono(sound, max_seconds), sound.rate))
    samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    if len(samples) < LEAST_SECONDS * RATE:
        raise InvalidInput(f"lasts {len(samples) / RATE:.4f} s, and must last at least {LEAST_SECONDS} s")
    loudest = max(samples.max(), -samples.min())
    return samples / loudest if loudest > LOUDEST else samples


def _require_fitting(sound: Sound, max_seconds: float) -> None:
    if not LEAST_RATE <= sound.rate <= MOST_RATE:
        raise InvalidInput(f"has {sound.rate} samples a second, and must have {LEAST_RATE:,} to {MOST_RATE:,}")
    if sound.channels > MOST_CHANNELS:
        raise InvalidInput(f"has {sound.channels} channels, and may have {MOST_CHANNELS}")
    if sound.frames == 0:
        raise InvalidInput("has no samples")
    if 0 < sound.frames < 2**62:  # libsndfile has more than that, where a header does not say
        _require_short(sound, sound.frames, max_seconds)


def _require_short(sound: Sound, frames: int, max_seconds: float) -> None:
    if frames > max_seconds * sound.rate:
        raise InvalidInput(f"lasts {frames / sound.rate:,.0f} s or more, and may last {max_seconds:,.0f} s")
    if (values := frames * sound.channels) > max_seconds * VALUES_A_SECOND:
        most = max_seconds * VALUES_A_SECOND
        raise InvalidInput(f"has {values:,} values in all channels or more, and may have {most:,.0f}")


def _mono(sound: Sound, max_seconds: float) -> Iterator[Samples]:
    frames = 0
    for block in sound.blocks:
        require_wanted()
        frames += len(block)
        _require_short(sound, frames, max_seconds)
        if not np.abs(block).max() <= MOST_VALUE:  # nor is NaN
            raise InvalidInput("has samples that are not finite numbers, or far too large ones")
        mono = block[:, 0] if sound.channels == 1 else block.mean(axis=1)
        yield np.ascontiguousarray(mono)


def _resampled(blocks: Iterator[Samples], rate: int) -> Iterator[Samples]:
    if rate == RATE:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, RATE, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)
