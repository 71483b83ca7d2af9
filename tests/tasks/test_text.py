import threading
from dataclasses import dataclass

import numpy as np
import pytest
from conftest import word_tokenizer
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from app.errors import InferenceFailed, InvalidInput
from app.tasks.explanations.text import TextExplanation
from app.tasks.labels import best_labels, largest, softmax
from app.tasks.text import MAX_CHARACTERS, TextEncoder, bucket
from app.tasks.text_classification import (
    TextClassification,
    TextClassificationConfig,
    TextClassificationKernel,
    TextClassificationParameters,
    TextInput,
)
from app.tensors import Placement


@pytest.fixture
def encoder(tmp_path):
    return TextEncoder(word_tokenizer(tmp_path / "tokenizer.json"), max_tokens=16)


@pytest.fixture
def task(tmp_path):
    config = TextClassificationConfig(labels=["a", "b"], tokenizer="t", max_tokens=20)
    return TextClassification(TextClassificationKernel(config, {"t": word_tokenizer(tmp_path / "tokenizer.json")}))


def test_cost_is_measured_at_every_length_a_text_can_have(task):
    assert task.kernel.lengths == [8, 16, 20]
    assert [task.kernel.length(task.kernel.probe(length)) for length in task.kernel.lengths] == [8, 16, 20]


@pytest.mark.parametrize(("length", "padded"), [(1, 8), (8, 8), (9, 16), (512, 512), (513, 1024), (1025, 1536)])
def test_a_length_is_padded_to_the_next_bucket(length, padded):
    assert bucket(length) == padded


def test_rows_are_filled_up_to_the_longest_of_them(encoder, task):
    short, long = encoder.encode("good", truncate=False), encoder.encode("good film " * 5, truncate=False)
    batch = task.kernel.collate([short, long])
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 10)
    assert batch["attention_mask"].sum(axis=1).tolist() == [1, 10]
    assert not batch["input_ids"][0, 1:].any()


@dataclass
class Shapes:
    """A session that says which shape it was given."""

    device: str

    @property
    def placement(self):
        return Placement(self.device, "for the test")

    def run(self, inputs):
        return {"shape": [array.shape for array in inputs.values()]}


def test_only_a_gpu_sees_buckets_and_never_more_tokens_than_the_model_reads(encoder, task):
    batch = task.kernel.collate([encoder.row([1] * 10), encoder.row([1] * 3)])
    assert task.kernel.forward({"model": Shapes("cpu")}, batch) == {"shape": [(2, 10)] * 2}
    assert task.kernel.forward({"model": Shapes("cuda")}, batch) == {"shape": [(2, 16)] * 2}
    longest = task.kernel.collate([encoder.row([1] * 19)])
    assert task.kernel.forward({"model": Shapes("cuda")}, longest) == {"shape": [(1, 20)] * 2}


def test_a_text_that_is_too_long_is_refused_with_both_lengths_or_cut(encoder):
    with pytest.raises(InvalidInput, match="has 17 tokens and the model reads at most 16"):
        encoder.encode("good " * 17, truncate=False)
    assert len(encoder.encode("good " * 17, truncate=True)["input_ids"]) == 16


def test_a_text_of_megabytes_is_not_even_counted(encoder):
    with pytest.raises(InvalidInput, match=f"has 5000000 characters and at most {MAX_CHARACTERS} are looked at"):
        encoder.encode("good " * 1_000_000, truncate=False)
    assert len(encoder.encode("good " * 1_000_000, truncate=True)["input_ids"]) == 16


@pytest.mark.parametrize(
    "text",
    ["\ud83d good", "\0 good", "👩‍👩‍👧‍👦 e\u0301 \u202e", "好" * 10, "\uffff!", "\ufffd", "\ue000", "\U0001fae8"],
)
def test_any_unicode_that_can_be_seen_is_text(encoder, text):
    assert len(encoder.encode(text, truncate=True)["input_ids"]) >= 1


UNSEEN = {
    "nothing": "",
    "white space": " \n\t\u3000\u2028",
    "zero-width space": "\u200b",
    "zero-width joiner between spaces": " \u200d ",
    "byte order mark": "\ufeff",
    "direction marks": "\u202e\u2066\u200f",
    "soft hyphens": "\xad\xad",
    "null and other controls": "\0\x01\x7f\x9f",
    "noncharacters": "\uffff\ufdd0\U0010ffff",
    "half a surrogate pair": "\ud800",
    "a mark without a letter": "\u0301",
    "a vowel sign without a consonant": "\u093f",
    "a variation selector": "\ufe0f",
    "an enclosing keycap": "\u20e3",
    "a tag": "\U000e0061",
    "Hangul fillers": "\u3164\uffa0\u115f",
    "Braille without dots": "\u2800",
    "a million zero-width spaces": "\u200b" * 1_000_000,
}


@pytest.mark.parametrize("text", UNSEEN.values(), ids=UNSEEN)
def test_a_text_of_which_nothing_can_be_seen_is_empty(task, encoder, text):
    for read in (
        lambda: encoder.encode(text, truncate=True),
        lambda: task.preprocess(task.contract.Input(text=text), task.contract.Parameters(truncate=True)),
        lambda: TextExplanation(task.kernel).preprocess(
            task.contract.Input(text=text), TextExplanation.contract.Parameters(truncate=True)
        ),
    ):
        with pytest.raises(InvalidInput, match="the text is empty"):
            read()


def test_a_text_of_characters_that_the_tokenizer_drops_is_empty(tmp_path):
    encoder = TextEncoder(save_words_tokenizer(tmp_path / "t.json"), max_tokens=16)
    for text in ("\ufffd", "\ue000", "!?"):
        with pytest.raises(InvalidInput, match="it holds only characters that the model's tokenizer drops"):
            encoder.encode(text, truncate=False)
    assert len(encoder.encode("good!", truncate=False)["input_ids"]) == 1


def save_words_tokenizer(path):
    """A tokenizer that reads letters and drops all else."""
    tokenizer = Tokenizer(models.WordLevel({"good": 0, "[UNK]": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("[a-z]+"), "removed", invert=True)
    tokenizer.save(str(path))
    return path


def test_a_long_text_has_the_tokens_it_has_in_pieces(encoder):
    words = ["good", "bad", "film"] * 3_000
    assert encoder.num_tokens(" ".join(words)) == len(words)
    assert encoder.encode(" ".join(words), truncate=True)["input_ids"].tolist() == [2, 3, 4] * 5 + [2]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "good",
        " good  film\n",
        "good film " * 7,
        "good " * 5_000,
        "x" * 9_000,
        "好的 电影",
        "a\u200bb \ufeff c",
        "\u200b " * 50,
        "\x1f".join("abcdefgh") * 9,
    ],
)
def test_a_text_has_no_fewer_tokens_than_are_foreseen(task, text):
    (foreseen,) = task.foreseen(TextInput(text=text), TextClassificationParameters(truncate=True))
    kept = task.kernel.encoder.encode(text.replace("\u200b", "").replace("\x1f", "").strip() or "good", truncate=True)
    assert 1 <= foreseen <= task.kernel.length(kept) <= 20


def test_a_text_is_foreseen_to_be_as_long_as_it_has_words_if_it_will_be_read(task):
    cut, whole = TextClassificationParameters(truncate=True), TextClassificationParameters()
    for words, foreseen in ((1, 1), (7, 7), (19, 19), (20, 20), (3_000, 20)):
        item = TextInput(text=" ".join(["good"] * words))
        assert list(task.foreseen(item, cut)) == [foreseen]
        assert list(task.foreseen(item, whole)) == [foreseen][: words < 20]


def test_other_threads_run_while_a_long_text_is_tokenized(tmp_path):
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "好": 1}, unk_token="[UNK]"))
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(tmp_path / "t.json"))
    encoder, ticks, is_over = TextEncoder(tmp_path / "t.json", max_tokens=16), [], threading.Event()

    def tick():
        while not is_over.wait(0.001):
            ticks.append(1)

    thread = threading.Thread(target=tick)
    thread.start()
    assert encoder.num_tokens("好" * MAX_CHARACTERS) == MAX_CHARACTERS  # takes some 0.1 s
    is_over.set()
    thread.join()
    assert len(ticks) > 5


def test_labels_come_best_first_and_ties_in_their_own_order():
    found = best_labels(np.array([0.2, 0.4, 0.4], np.float32), ["a", "b", "c"], None)
    assert [label.label for label in found] == ["b", "c", "a"]
    assert len(best_labels(np.array([0.2, 0.8], np.float32), ["a", "b"], 1)) == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_the_largest_are_those_that_sorting_everything_would_give_ties_included(count):
    scores = np.array([0.1, 0.3, 0.2, 0.3, 0.2])
    assert largest(scores, count).tolist() == [1, 3, 2, 4, 0][:count]


def test_scores_that_are_no_numbers_are_a_failure_and_not_an_answer():
    with pytest.raises(InferenceFailed):
        best_labels(np.array([np.nan, 1], np.float32), ["a", "b"], None)


def test_softmax_of_large_logits_does_not_overflow():
    assert softmax(np.array([1000.0, 0.0], np.float32)).tolist() == [1.0, 0.0]
