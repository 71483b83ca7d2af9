"""The encoder that texts of one's own call for: MiniLM for English, multilingual-e5-small for all else."""

import pytest

from training.data.backbones import backbone_for, whole_words
from training.errors import TrainingError
from training.importing.text_draft import TEXTS

GERMAN = [
    "Der Hafen war an diesem Morgen still, und die Möwen saßen in einer Reihe auf der Mauer.",
    "Niemand hatte gesagt, wann die Fähre zurückkommt.",
]
CHINESE = ["渡轮早上七点离开港口。", "包裹到的时候盒子已经坏了,没有人接电话。"]


def test_words_are_whole_in_english_and_in_pieces_elsewhere() -> None:
    english = [text for text in TEXTS if text.isascii()][:5]
    assert whole_words(english) > 0.9
    assert whole_words(GERMAN) < 0.6
    assert whole_words(CHINESE) < 0.6
    with pytest.raises(TrainingError, match="no words of letters"):
        whole_words(["12.5 %", "—"])


def test_the_texts_tell_unless_one_is_asked_for() -> None:
    taken, why = backbone_for("auto", GERMAN)
    assert taken.name == "multilingual-e5-small"
    assert "multilingual-e5-small was taken" in why
    assert "--set backbone=minilm takes the other" in why
    assert backbone_for("auto", ["The ferry leaves at seven."])[0].name == "MiniLM-L6"
    asked, why = backbone_for("minilm", GERMAN)
    assert (asked.name, why) == ("MiniLM-L6", "MiniLM-L6 was asked for: it reads English.")
