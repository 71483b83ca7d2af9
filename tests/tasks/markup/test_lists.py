"""Lists: items that are sentences are read, those that only name something are not."""

import pytest

from app.tasks.markup.lists import reads_as_prose
from app.tasks.sentences import sentences

PREAMBLE = "This Agreement is made between the parties."
CLAUSES = ["The Seller shall deliver the goods.", "The Buyer shall pay the price.", "Either party may end it."]


def texts(source: str) -> list[str]:
    return [sentence.text for sentence in sentences(source, 100)[0]]


MARKS = {
    "numbers": ["1.", "2.", "3."],
    "numbers in brackets": ["(1)", "(2)", "(3)"],
    "letters": ["a)", "b)", "c)"],
    "letters in brackets": ["(a)", "(b)", "(c)"],
    "small Roman numbers": ["(i)", "(ii)", "(iii)"],
    "Roman numbers": ["II.", "III.", "IV."],
    "numbers of sections": ["1.1", "1.2", "1.3"],
    "numbers of sections with a dot": ["2.1.", "2.2.", "2.3."],
    "hyphens": ["-", "-", "-"],
    "stars": ["*", "*", "*"],
    "bullets": ["•", "•", "•"],
}


@pytest.mark.parametrize("gap", ["\n", "\n\n"], ids=["close", "apart"])
@pytest.mark.parametrize("marks", MARKS.values(), ids=MARKS)
def test_clauses_are_sentences_as_the_text_before_them_is(marks: list[str], gap: str) -> None:
    items = gap.join(f"{mark} {clause}" for mark, clause in zip(marks, CLAUSES, strict=True))
    assert texts(f"{PREAMBLE}\n\n{items}\n") == [PREAMBLE, *CLAUSES]


@pytest.mark.parametrize("element", ["ol", "ul"])
def test_clauses_of_a_page_are_sentences(element: str) -> None:
    items = "".join(f"<li>{clause}</li>\n" for clause in CLAUSES)
    assert texts(f"<p>{PREAMBLE}</p><{element}>{items}</{element}>") == [PREAMBLE, *CLAUSES]
    unclosed = "".join(f"<li>{clause}\n" for clause in CLAUSES)
    assert texts(f"<p>{PREAMBLE}</p><{element}>{unclosed}</{element}>") == [PREAMBLE, *CLAUSES]


def test_definitions_of_a_page_are_sentences() -> None:
    page = f"<p>{PREAMBLE}</p><dl><dt>Seller</dt><dd>{CLAUSES[0]}</dd><dt>Buyer</dt><dd>Pays.</dd></dl>"
    assert texts(page) == [PREAMBLE, CLAUSES[0]]


def test_chinese_clauses_are_sentences() -> None:
    text = "本协议由双方签订。\n一、卖方应当交付货物。\n二、买方应当支付价款。\n"
    assert texts(text) == ["本协议由双方签订。", "卖方应当交付货物。", "买方应当支付价款。"]


def test_an_item_that_is_a_link_leads_to_another_text() -> None:
    assert texts(f"{PREAMBLE}\n\n- [The mayor opened the bridge on Monday.](https://x.org/a)\n") == [PREAMBLE]
    page = f"<p>{PREAMBLE}</p><ul><li><a href='/a'>The <b>mayor</b> opened the bridge on Monday.</a></li></ul>"
    assert texts(page) == [PREAMBLE]


def test_a_menu_in_a_list_is_not_read() -> None:
    page = f"<ul><li>Home</li><li>News</li><li>About us.</li></ul><p>{PREAMBLE}</p>"
    assert texts(page) == [PREAMBLE]


def test_an_item_of_several_lines_is_one() -> None:
    assert texts(f"{PREAMBLE}\n\n- The Seller shall\n  deliver the goods.\n- Soon.\n") == [
        PREAMBLE,
        "The Seller shall\n  deliver the goods.",
    ]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("The rent is due monthly.", True),
        ("Fast. Very fast.", False),
        ("A list item. It is short.", False),
        ("Kettle", False),
        ("the Buyer shall pay the price within ten days of delivery;", True),
        ("the Buyer shall pay the price within ten days; and", True),
        ("Head office and property 4.6 mln stg vs 3.6 mln", False),
        ("价格上涨了。", True),
        ("快。", False),
        ("long " * 60, True),
    ],
)
def test_an_item_is_prose_if_its_sentences_have_words_enough(item: str, expected: bool) -> None:
    assert reads_as_prose(item) is expected


def test_items_without_end_cost_linear_time() -> None:
    assert len(texts("<ul><li>" * 20_000 + f"<p>{PREAMBLE}</p>")) == 1
