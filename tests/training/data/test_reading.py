from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from app.tasks.text_classification import TextClassification, TextClassificationKernel
from training.data.reading import CONFIG, answers, write_tokenizer
from training.errors import TrainingError


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    try:
        return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")
    except TrainingError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("love it 😍", ["love", "it", ".", "love", "."]),
        ("x😡y", ["x", ".", "angry", ".", "y"]),
        pytest.param("👍🏽 good", [".", "great", ".", "good"], id="a skin tone is no word"),
        ("Café naïve", ["cafe", "naive"]),
        pytest.param("home :) :-(", ["home", ":", ")", ":", "-", "("], id="an emoticon is its signs"),
    ],
)
def test_emoji_are_read_as_moods_and_emoticons_as_their_signs(text: str, tokens: list[str], tokenizer: Path) -> None:
    assert Tokenizer.from_file(str(tokenizer)).encode(text, add_special_tokens=False).tokens == tokens


def test_answers_come_in_the_order_of_the_texts_whatever_their_lengths(tokenizer: Path) -> None:
    task = TextClassification(TextClassificationKernel(CONFIG, {CONFIG.tokenizer: tokenizer}))
    texts = [" ".join(["word"] * (1 + i * 37 % 50)) for i in range(100)]
    counted = answers(task, texts, lambda batch: batch["attention_mask"].sum(1))
    assert counted.tolist() == [len(text.split()) + 2 for text in texts]
    assert counted.dtype == np.int64
