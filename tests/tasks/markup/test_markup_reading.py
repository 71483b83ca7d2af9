"""A text is shown with all that a reader sees, and nothing that is not there."""

import random

import pytest

from app.tasks.markup.reading import ARTICLE, EVERYTHING
from app.tasks.sentences import sentences

# What is written, and what is shown of it where that differs.
WRITTEN = [
    "plain", "[1][2]", "[sic]", "[a](b)", "f[i](x)", "m[0](1.5)", "[[wiki]]",
    "'''x'''", "snake_case_name", "__init__()", "2 * 3 * 4", "5*6*7",
    "*args, **kwargs", "a*b", "P(A|B)", "a || b", "|x|", "5 < 6", "7 > 3", "x<y>z", "vector<int>", "a <b and c> d",
    "don`t can`t", "C:\\temp", "\\textbf{x}", "$a_1 * b_2$", "{{x}}", "#1", "~5 km ~6 km", "x_1^2", "(c) the", "@ben",
    "100%", "1.5", "«so»", "'so'", "“so”", ":-)", "R&D", "AT&T;", "a &notit; b", "&", "&nosuch;", "= so =", "->",
    "[x] [y]", "[ben]: no", "a/b", "http://x.org/a_b_c", "ben@x.org", "-5", "+ 6", "> 40 mg", "\u200bx", "é", "日本",
]  # fmt: skip
MARKED = {
    "**bold**": "bold", "*so*": "so", "__so__": "so", "~~so~~": "so", "`code`": "code", "``co``": "co",
    "***so***": "so",
    "[docs](https://x.org/a_(b))": "docs", '[docs](a.md "T")': "docs", "[docs](#top)": "docs", "[docs][here]": "docs",
    "[here]": "here", "[here][]": "here", "<https://x.org>": "https://x.org", "<em>so</em>": "so", "&amp;": "&",
    "&#38;": "&", "&lt;b&gt;": "<b>", "<!-- no -->so": "so", '<a href="x.html">so</a>': "so", "![alt](x.png)so": "so",
    "参见[文档](http://x.org)": "参见文档",
}  # fmt: skip
DEFINED = "\n\n[here]: https://x.org/b\n"


@pytest.mark.parametrize("written", WRITTEN)
def test_what_is_no_markup_is_shown_as_it_is_written(written: str) -> None:
    source = f"The first is {written} here. The second stays."
    found, _ = sentences(source, 10)
    assert [one.text for one in found] == [f"The first is {written} here.", "The second stays."]
    assert [source[one.start : one.end] for one in found] == [one.text for one in found]


@pytest.mark.parametrize("written", MARKED)
@pytest.mark.parametrize("reading", [ARTICLE, EVERYTHING], ids=["article", "everything"])
def test_of_markup_what_a_reader_sees_is_shown(written: str, reading) -> None:
    shown = reading.of(f"The first is {written} here.{DEFINED}").text
    assert shown.strip().splitlines()[0] == f"The first is {MARKED[written]} here."


@pytest.mark.parametrize("seed", range(30))
def test_any_mixture_is_shown_as_the_sum_of_its_parts(seed: int) -> None:
    rng = random.Random(seed)
    # These begin something that only another one of them could end.
    alone = [one for one in WRITTEN if one not in ("don`t can`t", "*args, **kwargs", "a/b", "[ben]: no", "> 40 mg")]
    for _ in range(20):
        parts = rng.choices([*alone, *MARKED], k=rng.randint(1, 6))
        source = f"This is {' and '.join(parts)} here.{DEFINED}"
        shown = " and ".join(MARKED.get(part, part) for part in parts)
        assert "".join(one.text for one in sentences(source, 10)[0]) == f"This is {shown} here.", source


@pytest.mark.parametrize(
    "source",
    [
        "The mill was built in 1950.[1][2] It was closed.",
        "He is ill.[citation needed] She is not.",
        "If a > b then we stop. If not, we go on.",
        "> 40 mg is too much. Take less.",
        "He came home. \n---\nThen he left.",
        "This is big.\n====\nThat is small.",
        "Copyright law protects authors. It is old.",
        "Published on Monday, the report says so. It is long.",
        "I. Newton wrote it. A. Smith did not.",
        "我1月1日电话联系他。他不在。",
        "If P(A|B) and P(B|A) are equal, | is a sign. It is so.",
        "The WHO — a part of the UN — says so. It is new.",
        "[Ben]: hello to you. And bye.",
        ".. and then he left. It rained.",
    ],
)
def test_no_sentence_loses_a_word(source: str) -> None:
    found, _ = sentences(source, 10)
    assert len(found) == 2
    assert [source[one.start : one.end] for one in found] == [one.text for one in found]
    left = source[: found[0].start] + source[found[0].end : found[1].start] + source[found[1].end :]
    assert not any(map(str.isalnum, left)), left


def test_a_link_to_a_label_needs_its_definition() -> None:
    text = "See [the manual][m] and [the other][o] here. It works."
    assert sentences(text, 9)[0][0].text == "See [the manual][m] and [the other][o] here."
    defined = text + "\n\n[m]: https://x.org/manual 'The manual'\n"
    assert sentences(defined, 9)[0][0].text == "See the manual and [the other][o] here."


def test_digits_in_brackets_are_citations_even_where_they_are_defined() -> None:
    text = "It was built in 1950.[1][2] It was closed.\n\n[1]: https://x.org/a\n[2]: https://x.org/b\n"
    assert [one.text for one in sentences(text, 9)[0]] == ["It was built in 1950.[1][2]", "It was closed."]


def test_a_line_longer_than_a_piece_is_read_as_any_other() -> None:
    part = "The **first** is [here](https://x.org/a). - Not a list. # Not a heading. 1. So it goes on for long. "
    text = part * 2_000
    found, total = sentences(text, 10**6)
    assert total == 2_000 * 4
    assert {one.text for one in found} == {
        "The first is here.", "- Not a list.", "# Not a heading.", "1. So it goes on for long.",
    }  # fmt: skip
