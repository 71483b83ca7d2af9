"""The spectrogram of Whisper: 80 or 128 bands of Slaney's mel scale, as logarithms (Radford et al., 2022, 2.2)."""

from functools import cache

import numpy as np
import numpy.typing as npt

from app.tasks.speech.files import Samples
from app.tasks.speech.recording import RATE

Features = npt.NDArray[np.float32]

FRAME, HOP = 400, 160  # samples: 25 ms, every 10 ms
WINDOW_S = 30
WINDOW = WINDOW_S * RATE  # samples
FRAMES = WINDOW // HOP
QUIETEST = 1e-10  # power, whose logarithm is still taken
RANGE = 8.0  # decades below the loudest, at which everything is cut off
LINEAR_HZ = 1000.0  # up to which Slaney's scale is linear, at 15 mel
LINEAR_MEL, HZ_A_MEL = 15.0, 200 / 3
LOG_STEP = float(np.log(6.4)) / 27
DECADE = np.log(np.float32(10))


def log_mel(samples: Samples, mels: int) -> Features:
    """Return features fp32 [mels, FRAMES] of at most WINDOW samples at RATE; what is missing is silence."""
    whole = np.zeros(WINDOW, np.float32)
    whole[: len(samples)] = samples
    padded = np.pad(whole, FRAME // 2, mode="reflect")
    known = min(FRAMES, (len(samples) + FRAME // 2) // HOP + 1)  # frames after these see silence only
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[: known * HOP : HOP]
    spectrum = np.fft.rfft(frames * _hann())
    power = spectrum.real**2 + spectrum.imag**2
    bands = np.full((mels, FRAMES), QUIETEST, np.float32)
    bands[:, :known] = np.maximum(_filters(mels) @ power.T, QUIETEST)
    decades = np.log(bands) / DECADE
    features: Features = (np.maximum(decades, decades.max() - RANGE) + 4) / 4
    return features


@cache
def _hann() -> Samples:
    return np.hanning(FRAME + 1)[:-1].astype(np.float32)


@cache
def _filters(mels: int) -> Features:
    """Triangles fp32 [mels, frequencies], each of the same area."""
    edges = _hz(np.linspace(0.0, _mel(RATE / 2), mels + 2))
    frequencies = np.linspace(0, RATE / 2, FRAME // 2 + 1)
    rising = (frequencies - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequencies) / np.diff(edges)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling)) * (2 / (edges[2:] - edges[:-2]))[:, None]
    filters: Features = triangles.astype(np.float32)
    return filters


def _mel(hz: float) -> float:
    return hz / HZ_A_MEL if hz < LINEAR_HZ else LINEAR_MEL + float(np.log(hz / LINEAR_HZ)) / LOG_STEP


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above: npt.NDArray[np.float64] = np.where(
        mel < LINEAR_MEL, mel * HZ_A_MEL, LINEAR_HZ * np.exp(LOG_STEP * (mel - LINEAR_MEL))
    )
    return above
