import random

import pytest
from growth import require_growth

from app.tasks.segmentation.words import joined, words
from app.tasks.sentences import sentences

ALL = 10_000


def texts(source: str) -> list[str]:
    return [sentence.text for sentence in sentences(source, ALL)[0]]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("It rained. Nobody came!  Why?", ["It rained.", "Nobody came!", "Why?"], id="english"),
        pytest.param(
            "今天天气很好。我们去公园吧！好吗？", ["今天天气很好。", "我们去公园吧！", "好吗？"], id="chinese"
        ),
        pytest.param("これは本です。それはペンです。", ["これは本です。", "それはペンです。"], id="japanese"),
        pytest.param(
            "今天发布了 GPT-4。It costs $3.50 an hour. 价格是3.5元。",
            ["今天发布了 GPT-4。", "It costs $3.50 an hour.", "价格是3.5元。"],
            id="mixed",
        ),
        pytest.param("A 🎉 came. 𝒳 is 😀 bold.", ["A 🎉 came.", "𝒳 is 😀 bold."], id="astral"),
        pytest.param(
            "A wrapped\r\nline. Two.\r\n\r\nThree\r\nfour.",
            ["A wrapped\r\nline.", "Two.", "Three\r\nfour."],
            id="crlf",
        ),
        pytest.param(
            "Dr. Smith of Acme Inc. paid $3.5m to the U.S. office. He left.",
            ["Dr. Smith of Acme Inc. paid $3.5m to the U.S. office.", "He left."],
            id="abbreviations",
        ),
        pytest.param(
            "See example.com for it. Run main.py now.", ["See example.com for it.", "Run main.py now."], id="dots"
        ),
        pytest.param(
            'He said: "No. I won\'t go." She left.', ['He said: "No. I won\'t go."', "She left."], id="quotes"
        ),
        pytest.param("5 * 3 is 15 and a < b. my_name_here is 2**3.", None, id="no-markup-after-all"),
        pytest.param("f(x) [sic] & {y} | #1 ~ $2 \\n <b is here>. Next @a one.", None, id="punctuation"),
    ],
)
def test_plain_sentences_stand_where_their_offsets_say(source: str, expected: list[str] | None) -> None:
    found, total = sentences(source, ALL)
    assert total == len(found) > 0
    assert [source[sentence.start : sentence.end] for sentence in found] == [sentence.text for sentence in found]
    if expected:
        assert [sentence.text for sentence in found] == expected


def test_a_line_break_ends_no_sentence_and_a_blank_line_does() -> None:
    assert texts(
        "The plan was\nsimple. It came from\nthe north of the\n \ncountry and then it was forgotten there."
    ) == [
        "The plan was\nsimple.",
        "country and then it was forgotten there.",
    ]


README = """\
---
title: front matter. Not prose.
---
# Kettle

[![Build](https://ci.test/b.svg)](https://ci.test) ![logo](logo.png "The logo. Large.")

**Kettle** *boils* `water` &amp; tea, as [the manual](https://kettle.test/a_(b)) says
at length. It has __never__ failed.

Install it
----------

```sh
pip install kettle. Then run it. Done.
```

* Fast. Very fast.
* Safe
  and sound.

1. Fill it.
2. Boil it.

| cups | minutes |
|------|---------|
| one. | two. |

> A quoted sentence counts as well.

https://kettle.test/download

<!-- A comment. With sentences. -->
The word <b>end</b> is&nbsp;near &mdash; he said &ldquo;Stop.&rdquo;

[manual]: https://kettle.test "Title. Here."
Copyright (c) 2024 Kettle. All rights reserved.
"""


def test_a_readme_is_read_without_badges_code_lists_and_tables() -> None:
    assert texts(README) == [
        "Kettle boils water & tea, as the manual says at length.",
        "It has never failed.",
        "A quoted sentence counts as well.",
        "The word end is near — he said “Stop.”",
    ]


def test_offsets_of_a_sentence_with_markup_cover_it_as_it_stands() -> None:
    first, *_, last = sentences(README, ALL)[0]
    assert README[first.start : first.end].startswith("Kettle** *boils* `water` &amp; tea")
    assert README[first.start : first.end].endswith("says\nat length.")
    assert README[last.start : last.end].endswith("&ldquo;Stop.&rdquo;")


PAGE = """<!DOCTYPE html><html><head><title>A title. Not prose.</title><style>p{a:b}</style>
<script>if (a<b && c>d) { x = "</p>. Some code." }</script></head><body><nav><ul><li><a href="/">Home.</a></ul></nav>
<header><h1>Bridge to close. Again.</h1></header><!-- <p>Hidden. -->
<p class="x">The bridge, <em>built in 1931</em>, will <a href="/c">close</a> on Monday.</p><p>It carries 40,000
cars a day.</p><ul><li>A list item. It is short.</li></ul><p>By Jane Doe</p><p>Share this article</p>
<div>We use cookies to improve your visit.</div><table><tr><td>One. Two.</td></tr></table>
<P>Repairs cost $3.5&nbsp;million<br>this year.</P><footer>The owner speaks here. © 2024</footer></body></html>"""


def test_a_page_is_read_without_scripts_navigation_and_tables() -> None:
    assert texts(PAGE) == [
        "The bridge, built in 1931, will close on Monday.",
        "It carries 40,000\ncars a day.",
        "Repairs cost $3.5 million this year.",
    ]


@pytest.mark.parametrize(
    "dropped",
    [
        "LONDON (Reuters) - ",
        "(CNN) -- ",
        "NEW YORK, July 4 (AP) — ",
        "PARIS — ",
        "Home > News > World\n\n",
        "Home | News | World\n\n",
        "Advertisement\n\n",
        "By Jane Doe and John Roe\n\n",
        "Subscribe to our newsletter for the latest news.\n\n",
        "Share this article\n",
        "Read more: What happened on Sunday.\n\n",
        "We use cookies. \n\n",
        "© 2024 The Paper. All rights reserved.\n",
        "A Title Without An End Mark\n\n",
        "Introduction\n",
        "1. Short. \n2. Shorter.\n\n",
        "• Point one. \n• Point two.\n\n",
        "=====\n",
        "https://paper.test/a?b=c\n",
        "新华社北京1月1日电（记者 张三）",
        "责任编辑：李四\n\n",
    ],
)
def test_what_stands_around_an_article_is_no_sentence(dropped: str) -> None:
    article = "The mayor opened the new bridge to all traffic on Monday morning. It is long."
    found, _ = sentences(dropped + article, ALL)
    assert [sentence.text for sentence in found] == [article[:-12], "It is long."]
    assert found[0].start == len(dropped)


def test_a_line_of_prose_that_begins_with_a_number_is_no_list() -> None:
    assert texts("He was born in the town on January\n12. It snowed.") == [
        "He was born in the town on January\n12.",
        "It snowed.",
    ]


def test_a_numbered_paragraph_is_prose() -> None:
    paragraph = "The court finds " + "that the parties agreed to it in writing, " * 6 + "and so it holds."
    assert texts(f"1. {paragraph}\n\n2. Dismissed.\n") == [paragraph]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("what a good film", ["what a good film"], id="no-end-mark"),
        pytest.param("one line\nanother line", ["one line", "another line"], id="lines"),
        pytest.param("- buy milk\n- call home\n", ["buy milk", "call home"], id="a-list"),
        pytest.param("# Kettle\n\n## Usage", ["Kettle", "Usage"], id="headings"),
        pytest.param("<table><tr><td>One is here.</td></tr></table>", ["One is here."], id="a-table"),
        pytest.param("<script>alert(1)</script>", ["<script>alert(1)</script>"], id="only-a-script"),
        pytest.param("All rights reserved.", ["All rights reserved."], id="only-boilerplate"),
        pytest.param("<nav>never closed. It goes on.", ["never closed.", "It goes on."], id="unclosed"),
    ],
)
def test_what_has_no_running_text_is_read_all_the_same(source: str, expected: list[str]) -> None:
    assert texts(source) == expected


@pytest.mark.parametrize("source", ["", " \n\t", "123 456.", "!!! ??? …", "😀😀", "---\n***"])
def test_without_a_letter_there_is_no_sentence(source: str) -> None:
    assert sentences(source, ALL) == ([], 0)


def test_an_unpaired_surrogate_is_shown_as_a_replacement_character() -> None:
    assert texts("It has \ud800 one. It \udc01 too.") == ["It has \ufffd one.", "It \ufffd too."]


def test_a_limit_bounds_what_is_returned_and_not_what_is_counted() -> None:
    found, total = sentences("It rained again. " * 50, 7)
    assert (len(found), total) == (7, 50)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("two words", 2), ("a well-known one, isn't it?", 5), ("3.5 %", 1), ("今天好", 3), ("用 GPT-4 吧", 3), ("…", 0)],
)
def test_words_are_counted_as_people_do_and_han_by_character(text: str, expected: int) -> None:
    assert len(words(text)) == expected


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (["One\n two.", "Three."], "One two. Three."),
        (["今天\n好。", "“他说。”", "明天。"], "今天好。“他说。”明天。"),
        (["It is 😀", "so."], "It is 😀 so."),
        ([], ""),
    ],
)
def test_texts_are_joined_as_they_are_written(parts: list[str], expected: str) -> None:
    assert joined(parts) == expected


HOSTILE = [
    "<", "[", "*", "(", "![", "`", "![](", "[](", "[a](b", "**", "*a ", "__a ", "~", "&", "&amp", "&amp;", "<!--", "<!",
    "<script>", "<a ", "<b>", "<p>", "<ul><li>a", "```\n", "```a\n", "``a", " ", "\n", " \n", "\r\n", " a", "- a\n",
    "1. a\n", "•a\n", "> ", "|", "|a|\n", "a.", "a. ", "A b.\n\n", "今天。", "“", "。”", "「a。", "’", "'", "…", "a ",
    "http://", "A (", "(A", "AAA ", "1月", "By ", "By A ", "a > ", "©\n", "all rights reserved ", "a\n===\n", "# a\n",
    "word " * 12, "\ud800", "\x00", "e.g. ", '"A b. ', "a\u200b", "\\", "a", "A\n", "<a b=", "<a b",
    "a: b\n", "12:00 a\n", "> a\nb\n", "1\n00:00:01,000 --> 00:00:02,000\na\n\n", "-->", "wrote:\n",
    "(a) b\n", "1.1 A\n",
    "<li>a.", "[b]: http://x\n[a][b] ", "[a]: b.c\n", "|a|b|\n", "a | b | c\n", "== a ==\n", "一、a\n", "a.[1]", "a.²",
    "a\u0301\u0323", "\U0001f1e6", "ก ", "。", "」と", "།", "12. ", "Mr. ", ": 1. ", '"a." ', "\u200d",
]  # fmt: skip


@pytest.mark.parametrize("pattern", HOSTILE)
def test_no_text_takes_more_than_linear_time(pattern: str) -> None:
    require_growth(lambda size: sentences((pattern * size)[:size], 1_000), 64_000)


PIECES = [
    *"aZé今。！.?!,:;'\"“”()[]{}<>*_`~#&|\\/-+=$@ 😀𝒳\n\r\t\x00\x0b\x0c\u2028\u200b\u3000\ud800\udfff",
    "\n\n", "\r\n", "word ", "Mr. ", "U.S. ", "<b>", "</b>", "<p>", "<script>", "</script>", "<!--", "-->", "&amp;",
    "&#0;", "&#xD800;", "&nbsp;", "![", "](", "```\n", "- ", "1. ", "(CNN) -- ", "By Jane Doe\n", "http://a.b/c ", 
    "3.5", "|",
    "It rained on the town. ", "今天天气很好。",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_any_text_gives_ordered_sentences_inside_it(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        source = "".join(rng.choices(PIECES, k=rng.randint(1, 120)))
        found, total = sentences(source, ALL)
        assert total == len(found)
        assert bool(found) == any(map(str.isalpha, source))
        assert all(sentence.text.strip() == sentence.text != "" for sentence in found)
        borders = [border for sentence in found for border in (sentence.start, sentence.end)]
        assert borders == sorted(borders)
        assert all(sentence.start < sentence.end <= len(source) for sentence in found)
        "".join(sentence.text for sentence in found).encode()
