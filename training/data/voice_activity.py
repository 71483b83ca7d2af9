"""Silero's detector of voice activity, as an ONNX graph that travels in its package."""

from pathlib import Path

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch

PACKAGE = Package("silero-vad", "6.2.3", sha256="7b7f5436cfcb02fae583a05b512ea96467fd449fe54cb49a5e4f06c51a1e43b8")
VOICE_ACTIVITY_SOURCE = Source(
    name="Silero VAD, which hears whether somebody speaks (PyPI: silero-vad)",
    version=PACKAGE.version,
    licence="MIT",
    sha256=PACKAGE.sha256,
    used_for="the graph that finds speech in long recordings",
)


def voice_activity_graph() -> Path:
    """The graph that reads many frames in one run, at 16 kHz. Raises TrainingError if it cannot be had."""
    return fetch(PACKAGE) / "silero_vad" / "data" / "silero_vad_16k_sequence.onnx"
