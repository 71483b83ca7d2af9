"""Text without any end of a sentence: where it is cut."""

import unicodedata

import pytest

from app.tasks.segmentation.run_on import cut_at
from app.tasks.segmentation.split import split

LONG = 2_000
WORDS = {
    "English": "and then we went on to the next house ",
    "English with commas": "and then we went on, to the next house ",
    "Chinese": "然后我们继续走到下一个房子，",
    "Japanese": "それから次の家に行きました、",
    "Arabic": "ثم ذهبنا إلى البيت التالي، ",
    "Urdu": "پھر ہم اگلے گھر گئے، ",
    "Thai": "แล้วเราก็ไปบ้านถัดไป ",
    "Hindi": "फिर हम अगले घर गए, ",
    "Khmer with word marks": "បន្ទាប់មក\u200bយើងទៅផ្ទះបន្ទាប់\u200b",
    "Burmese": "ပြီးတော့ နောက်အိမ်သို့ သွားခဲ့ကြသည်၊ ",
    "Ethiopic": "ከዚያም ወደሚቀጥለው ቤት ሄድን፣ ",
    "Russian": "и потом мы пошли к следующему дому, ",
    "Korean": "그리고 우리는 다음 집으로 갔고, ",
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS)
def test_a_run_on_text_is_cut_behind_a_word_or_a_comma(words: str) -> None:
    text = words * (3 * LONG // len(words))
    spans = list(split(text))
    assert "".join(text[start:end] for start, end in spans) == text
    assert all(0 < end - start <= LONG for start, end in spans)
    for _, end in spans[:-1]:
        assert text[end - 1].isspace() or text[end - 1] in "，、\u200b", text[end - 10 : end + 10]


def test_a_comma_is_preferred_to_a_space() -> None:
    text = "word " * 300 + "pause, " + "word " * 100
    assert text[: cut_at(text, LONG - 1)].endswith("pause, ")


@pytest.mark.parametrize(
    "unit",
    [
        pytest.param("今", id="Han"),
        pytest.param("e\u0301\u0323", id="letters with marks"),
        pytest.param("👩\u200d👩\u200d👧", id="joined emoji"),
        pytest.param("👍🏽", id="emoji with a tone of skin"),
        pytest.param("🇩🇪", id="flags"),
        pytest.param("คำ", id="Thai without spaces"),
        pytest.param("ក្មេ", id="Khmer without spaces"),
        pytest.param("क्षि", id="Devanagari without spaces"),
        pytest.param("\u1100\u1161\u11a8", id="jamo"),
        pytest.param("ちょ", id="small kana"),
        pytest.param("a", id="one endless word"),
    ],
)
def test_without_pauses_no_character_is_cut_in_two(unit: str) -> None:
    text = unit * (2 * LONG // len(unit))
    spans = list(split(text))
    assert "".join(text[start:end] for start, end in spans) == text
    for _, end in spans[:-1]:
        before, after = text[end - 1], text[end]
        assert unicodedata.category(after)[0] != "M"
        assert "\u200d" not in (before, after)
        assert not "\U0001f3fb" <= after <= "\U0001f3ff"
        assert not "\u1160" <= after <= "\u11ff"
        assert text[end:].startswith(unit[0])


def test_phrases_of_thai_end_at_a_space_if_they_are_long() -> None:
    phrase = "แล้วเราก็ไปบ้านถัดไป" * 7
    assert [end - start for start, end in split(f"{phrase} {phrase} สั้น")] == [len(phrase) + 1, len(phrase) + 1, 4]


def test_a_sentence_of_a_thousand_characters_is_not_cut_at_the_end_of_a_window() -> None:
    sentence = "It goes on " * 90 + "and ends. "
    assert [end - start for start, end in split(sentence * 10)] == [len(sentence)] * 10
