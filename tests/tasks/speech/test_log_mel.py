"""The spectrogram is that of transformers' feature extractor."""

import numpy as np
import pytest
from tiny_speech import tone
from transformers import WhisperFeatureExtractor

from app.tasks.audio_input import FERRY
from app.tasks.speech.features import FRAMES, WINDOW, log_mel
from app.tasks.speech.recording import read_recording

SAID = read_recording(FERRY, 60)


@pytest.mark.parametrize("mels", [80, 128])
@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(SAID, id="speech"),
        pytest.param(np.tile(SAID, 12)[:WINDOW], id="as long as a window"),
        pytest.param(np.tile(SAID, 12)[: WINDOW - 1], id="a sample less"),
        pytest.param(np.tile(SAID, 12)[: WINDOW - 500], id="a frame less"),
        pytest.param(tone(0.1), id="short"),
        pytest.param(np.zeros(1600, np.float32), id="silence"),
        pytest.param(np.random.default_rng(0).standard_normal(WINDOW).astype(np.float32), id="noise"),
    ],
)
def test_it_is_that_of_transformers(samples, mels):
    expected = WhisperFeatureExtractor(feature_size=mels)(samples, sampling_rate=16_000, return_tensors="np")
    found = log_mel(samples, mels)
    assert (found.dtype, found.shape) == (np.float32, (mels, FRAMES))
    np.testing.assert_allclose(found, expected["input_features"][0], atol=1e-4)
