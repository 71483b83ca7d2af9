"""The sentences of a text, and all that stands between them."""

import random

import pytest

from app.tasks.passages import parts_of

PIECES = [
    "One sentence.",
    " ",
    "\n",
    "- ",
    "12) ",
    "> ",
    "# ",
    "***",
    "\t",
    "Dr. No came!",
    "…",
    "¿Qué?",
    "好的。",
    "\r\n",
    "a. ",
]


def said(text: str) -> list[str]:
    return [part.text for part in parts_of(text) if part.is_said]


def test_the_parts_of_any_text_are_the_text():
    chance = random.Random(3)
    for _ in range(300):
        text = "".join(chance.choices(PIECES, k=chance.randint(0, 20)))
        assert "".join(part.text for part in parts_of(text)) == text


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Good morning. How are you?", ["Good morning.", "How are you?"]),
        ("- One item\n  * Two of it\n3. Three", ["One item", "Two of it", "Three"]),
        ("> # A head\n\nText.", ["A head", "Text."]),
        ("- [ ] to do\n(a) first", ["to do", "first"]),
        ("***\n---\n42\n", []),
        ("", []),
        ("No end", ["No end"]),
    ],
)
def test_sentences_are_told_from_marks(text, sentences):
    assert said(text) == sentences
