"""Stretches of speech, from the probabilities of frames of 32 ms."""

import numpy as np
import pytest
from tiny_speech import sessions, silence, tone

from app.tasks.speech.recording import RATE
from app.tasks.speech.voice import FRAME, MARGIN, Stretch, probabilities, speech_in, stretches_of, without_detector


def frames(*runs: tuple[int, float]) -> np.ndarray:
    return np.concatenate([np.full(count, value, np.float32) for count, value in runs])


def found(*runs: tuple[int, float]) -> list[Stretch]:
    probability = frames(*runs)
    return stretches_of(probability, len(probability) * FRAME)


def test_speech_gets_a_margin_of_the_pauses_around_it():
    assert found((50, 0), (50, 0.9), (50, 0)) == [Stretch(50 * FRAME - MARGIN, 100 * FRAME + MARGIN)]
    assert found((2, 0), (50, 0.9), (1, 0)) == [Stretch(0, 53 * FRAME)]


def test_two_stretches_share_a_short_pause():
    first, second = found((20, 0.9), (6, 0), (20, 0.9))
    assert first.end == second.start == 23 * FRAME


@pytest.mark.parametrize(
    ("runs", "count"),
    [
        pytest.param([(100, 0.1)], 0, id="silence"),
        pytest.param([(20, 0), (5, 0.9), (20, 0)], 0, id="a click"),
        pytest.param([(20, 0.9), (3, 0), (20, 0.9)], 1, id="a pause within a word"),
        pytest.param([(20, 0.9), (30, 0.4), (20, 0.9)], 1, id="less sure for a while"),
        pytest.param([(20, 0.4)], 0, id="never sure"),
        pytest.param([(20, 0.9), (30, 0.1), (20, 0.9)], 2, id="a pause"),
    ],
)
def test_what_is_a_stretch(runs, count):
    assert len(found(*runs)) == count


def test_what_the_detector_remembers_is_carried_from_block_to_block():
    class Counting:
        def run(self, inputs):
            count = len(inputs["input"])
            carried = inputs["h"] + count
            return {"speech_probs": inputs["h"][0, 0, 0] + np.arange(count), "hn": carried, "cn": inputs["c"]}

    assert probabilities(np.zeros(1000 * FRAME - 5, np.float32), Counting()).tolist() == list(range(1000))


def test_frames_are_heard_with_the_samples_before_them():
    class Keeping:
        def run(self, inputs):
            self.heard = inputs["input"]
            return {"speech_probs": np.zeros(len(self.heard)), "hn": inputs["h"], "cn": inputs["c"]}

    keeping = Keeping()
    probabilities(np.arange(2 * FRAME, dtype=np.float32), keeping)
    assert keeping.heard.shape == (2, FRAME + 64)
    assert keeping.heard[0, :65].tolist() == [0] * 65
    assert keeping.heard[1, 0] == FRAME - 64


def test_a_real_graph_hears_a_tone_between_silences():
    samples = np.concatenate([silence(2), tone(3), silence(2)])
    (stretch,) = speech_in(samples, sessions()["vad"])
    assert stretch.start == pytest.approx(1.8 * RATE, abs=FRAME)
    assert stretch.end == pytest.approx(5.2 * RATE, abs=FRAME)


def test_without_a_detector_all_is_speech_but_what_is_silent():
    assert without_detector(tone(1)) == [Stretch(0, RATE)]
    assert without_detector(silence(1)) == []
