import json
import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from app.errors import InvalidInput
from app.tasks.ascii_bert import LONGEST_KEPT, AsciiBert, ascii_bert_of
from app.tasks.text import TextEncoder

PLAIN = string.printable.replace("\x0b", "").replace("\x0c", "")
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.ascii_letters, *string.digits, *string.punctuation]
VOCABULARY += ["good", "film", "US", "##s", "##ly", "##!", "don", "100", "un", "##known", "a" * 50]


def bert(**options: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
    return tokenizer


def words(tokenizer: Tokenizer) -> AsciiBert:
    found = ascii_bert_of(tokenizer)
    assert found
    return found


LOWER, CASED = bert(lowercase=True), bert(lowercase=False)
WORDS = st.sampled_from([*VOCABULARY, "films", "GOODLY", "unknown", "xyz", "don't", "#tag", "@you", "\t", "\r\n", " "])
TEXTS = st.text(PLAIN) | st.lists(WORDS).map("".join) | st.lists(WORDS).map(" ".join)


@given(TEXTS)
@example("")
@example("[MASK] [mask] [ MASK ] [PAD]")
@example("it's 100%, isn't it?! ~~ a_b <b>`c`</b> \\ ^^ {x|y}")
def test_the_short_way_says_what_the_tokenizer_says(text: str) -> None:
    for tokenizer in (LOWER, CASED):
        found = words(tokenizer).ids(text)
        if found is None:
            assert any(token in text for token in VOCABULARY[:5]) or max(map(len, text.split())) > LONGEST_KEPT
        else:
            assert found == tokenizer.encode(text).ids


@pytest.mark.parametrize("text", ["café", "good\0film", "a\x0bb", "\x7f", "x" * 41, "say [MASK]", "好", "\ud83d"])
def test_what_is_not_plain_is_left_to_the_tokenizer(text: str) -> None:
    assert words(LOWER).ids(text) is None


def test_the_sentiment_models_tokenizer_takes_the_short_way() -> None:
    models_dir = Path(__file__).parents[2] / "models" / "reviews-sentiment"
    newest = max(models_dir.iterdir(), key=lambda folder: int(folder.name) if folder.name.isdecimal() else 0)
    tokenizer = Tokenizer.from_file(str(newest / "tokenizer.json"))
    texts = json.loads((newest / "manifest.json").read_bytes())["golden"]
    plain = [one["input"]["text"] for one in texts if one["input"]["text"].isascii()]
    assert plain
    for text in [*plain, "Supercalifragilistic?! :-) RT @user http://t.co/x1Y2 #fail 10/10 $5.99 w/ U.S.A."]:
        assert words(tokenizer).ids(text) == tokenizer.encode(text).ids


def with_steps(*steps: normalizers.Normalizer) -> Tokenizer:
    tokenizer = bert(lowercase=True)
    tokenizer.normalizer = normalizers.Sequence([*steps, tokenizer.normalizer])
    return tokenizer


def without(**parts: object) -> Tokenizer:
    tokenizer = bert(lowercase=True)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return tokenizer


def test_steps_that_touch_no_ascii_are_no_hindrance() -> None:
    moods, skin_tones = normalizers.Replace(Regex("[😀😃]"), " happy "), normalizers.Replace(Regex("[🏻-🏿]"), "")
    assert ascii_bert_of(with_steps(moods, skin_tones))


@pytest.mark.parametrize(
    "tokenizer",
    [
        with_steps(normalizers.Replace("good", "bad")),
        with_steps(normalizers.Strip()),
        without(normalizer=None),
        without(normalizer=normalizers.Sequence([])),
        without(normalizer=normalizers.Lowercase()),
        without(normalizer=normalizers.BertNormalizer(clean_text=False)),
        without(pre_tokenizer=pre_tokenizers.Whitespace()),
        without(model=models.WordPiece({"good": 0}, unk_token="[UNK]")),
        Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")),
    ],
)
def test_any_other_tokenizer_is_asked_itself(tokenizer: Tokenizer) -> None:
    assert ascii_bert_of(tokenizer) is None


@pytest.mark.parametrize("text", ["", " ", "\t\r\n ", "\x01", "\u200b", "\ufeff \u200d", "\u0301"])
def test_a_text_without_a_token_of_its_own_is_empty_by_either_way(tmp_path, text):
    LOWER.save(str(tmp_path / "tokenizer.json"))
    encoder = TextEncoder(tmp_path / "tokenizer.json", max_tokens=16)
    with pytest.raises(InvalidInput, match="the text is empty"):
        encoder.encode(text, truncate=False)
