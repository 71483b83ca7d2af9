"""Recordings with the words that are said in them, as packages list them."""

import gzip
from pathlib import Path

import pytest

from training.data import spoken_texts
from training.data.spoken_texts import PROMPTS, READINGS, load_prompts, load_readings
from training.errors import TrainingError

SOUNDS = Path("usr/share/asterisk/sounds/en_US_f_Allison")
LISTED = Path("usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
READ = Path("usr/share/pocketsphinx/test/data/librivox")
LONG = "You have one new message in your mailbox."
LINES = f"""; Core sounds

agent-pass: {LONG}
followme/sorry: I am sorry, but nobody is there today.
short: Thank you.
figures: Please press 1 to hear that once more, or 2.
choice: That is not a valid number (try again) at all.
absent: This one has no recording beside it here.
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(spoken_texts, "fetch_debian", lambda package: tmp_path)
    for name in ("agent-pass", "followme/sorry", "short", "figures", "choice"):
        path = tmp_path / SOUNDS / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / LISTED).parent.mkdir(parents=True)
    (tmp_path / LISTED).write_bytes(gzip.compress(LINES.encode()))
    (tmp_path / READ).mkdir(parents=True)
    (tmp_path / READ / "transcription").write_text("<s> he was there </s> (one-01)\n<s> so it is  </s> (two)\n")
    return tmp_path


def test_prompts_are_those_that_can_be_compared_word_for_word(packages: Path) -> None:
    found = load_prompts()

    assert [one.text for one in found] == [LONG, "I am sorry, but nobody is there today."]
    assert [one.path.relative_to(packages / SOUNDS) for one in found] == [
        Path("agent-pass.wav"),
        Path("followme/sorry.wav"),
    ]


def test_readings_have_the_words_of_their_list(packages: Path) -> None:
    found = load_readings()

    assert [(one.text, one.path.name) for one in found] == [("he was there", "one-01.wav"), ("so it is", "two.wav")]


def test_a_package_without_recordings_is_refused(packages: Path) -> None:
    (packages / LISTED).write_bytes(gzip.compress(b"short: Thank you.\n"))
    (packages / READ / "transcription").write_text("")

    with pytest.raises(TrainingError, match=f"{PROMPTS.name} .* has no recordings"):
        load_prompts()
    with pytest.raises(TrainingError, match=f"{READINGS.name} .* has no recordings"):
        load_readings()
