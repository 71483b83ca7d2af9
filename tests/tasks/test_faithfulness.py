"""Sentences that the checks pass and those that they do not, by cases."""

from itertools import product

import pytest

from app.tasks.faithfulness import (
    check,
    content_stems,
    is_english,
    is_negated,
    name_spans,
    source_of,
    stem,
    support,
    unsupported_names,
)

STORY = (
    "The storm hit the coast near Plymouth on Sunday night and killed 12 people.",
    "BP denied that it would buy Britoil for $1,000 million.",
    "Officials in New York said exports to the U.S. rose by 5 percent last year.",
    "Anders Holm, who is 61, had tended the light for 34 years.",
    "The council did not approve the new bridge.",
    "The company's profit fell because it closed two plants in Ohio.",
)


@pytest.mark.parametrize(
    "sentence",
    [
        "A storm killed twelve people on the coast.",
        "The storm hit near Plymouth on Sunday night, killing 12 people.",
        "BP denied it would buy Britoil for 1,000 million dollars.",
        "Exports to the US rose 5%, officials in New York said.",
        "Anders Holm tended the light for 34 years.",
        "Holm's light was tended for 34 years.",
        "The council has not approved the bridge.",
        "Its profits fell as the company was closing two plants in Ohio.",
    ],
)
def test_what_the_text_says_in_other_words_passes(sentence: str) -> None:
    assert check(sentence, source_of(STORY)).passes


@pytest.mark.parametrize(
    ("sentence", "unsupported"),
    [
        ("A storm killed 13 people on the coast.", ["13"]),
        ("The storm hit the coast near Portsmouth on Sunday night.", ["portsmouth"]),
        ("The storm hit the coast near Plymouth on Monday night.", ["monday"]),
        ("BP denied that it would buy Britoil for 1,000 million pounds.", ["1,000 million pounds"]),
        ("Officials in New Holm said exports to the U.S. rose.", ["new holm"]),
        ("Officials at IBM said exports rose by 5 percent.", ["ibm"]),
        ("BP admitted that it would buy Britoil for $1,000 million.", []),
        ("BP would buy Britoil for $1,000 million.", []),
        ("The council approved the new bridge.", []),
        ("The council has approved the unapproved bridge.", []),
        ("Exports to the U.S. fell by 5 percent last year.", []),
        ("The company's profit rose because it opened two plants in Ohio.", []),
        ("Anders Holm never tended the light for 34 years.", []),
        ("The lighthouse is a symbol of hope and friendship.", []),
        ("Here is a summary.", []),
        ("The text says what happened.", []),
        ("图书馆于本周六重新开放。", []),
        ("!!!", []),
        ("", []),
    ],
)
def test_what_it_does_not_say_fails(sentence: str, unsupported: list[str]) -> None:
    found = check(sentence, source_of(STORY))
    assert not found.passes
    assert found.unsupported == unsupported


def test_a_sentence_is_supported_by_the_two_that_have_most_of_its_words() -> None:
    source = source_of(STORY)
    assert support("BP denied that it would buy Britoil, and Holm tended the light.", source)[0] == (1, 3)
    assert support("BP denied that it would buy Britoil.", source) == ((1,), 1.0)
    assert support("Nothing of this kind.", source)[0] == ()
    assert support("BP denied it.", source_of([])) == ((), 0.0)


@pytest.mark.parametrize(
    ("sentence", "spans"),
    [
        ("The White House said so.", [["white", "house"]]),
        ("He and John Smith spoke.", [["john", "smith"]]),
        ("Holm spoke.", []),
        ("Anders Holm spoke.", [["anders", "holm"]]),
        ('He said: "Nobody knows it in Rome."', [["rome"]]),
        ("The U.S. and AT&T won.", [["us"], ["at&t"]]),
        ("NATO's plan, and Smith’s", [["nato"], ["smith"]]),
        ("nothing here at all", []),
        ("Élodie Durand lives in Orléans.", [["élodie", "durand"], ["orléans"]]),
        ("statistics for R", [["r"]]),
        (" R", []),
    ],
)
def test_names_are_capitalised_words_within_a_sentence(sentence: str, spans: list[list[str]]) -> None:
    assert name_spans(sentence) == spans


def test_no_text_is_too_strange_for_the_checks() -> None:
    source = source_of(["a R. 1"])
    for size in range(1, 5):
        for parts in product(["R", "a", " ", ".", "'", "1", "-"], repeat=size):
            text = "".join(parts)
            assert {*"".join(unsupported_names(text, source))} <= {*text.casefold()}


@pytest.mark.parametrize(
    ("sentence", "source", "missing"),
    [
        ("He met John Smith.", "John Brown met Jane Smith.", ["john smith"]),
        ("He met the Americans.", "An American came.", []),
        ("In Anglo-American talks", "American and Anglo talks", []),
        ("He left for PARIS.", "In Paris it rains.", []),
        ("He met Holm's son.", "Holm has a son.", []),
    ],
)
def test_names_must_stand_together_in_the_text(sentence: str, source: str, missing: list[str]) -> None:
    assert unsupported_names(sentence, source_of([source])) == missing


def test_forms_of_a_word_have_one_stem() -> None:
    for forms in (
        "reject rejects rejected rejecting", "stop stops stopped stopping", "city cities", "carry carries carried",
        "fall fell falls falling", "close closed closing closes", "company company's companies", "loss losses",
    ):  # fmt: skip
        assert len({stem(form) for form in forms.split()}) == 1, forms
    assert stem("rise") != stem("fall")
    assert content_stems("the of and 12 1,000") == frozenset()


@pytest.mark.parametrize(
    ("text", "negated"),
    [("It isn't so.", True), ("It isn’t so.", True), ("He refused.", True), ("He knows.", False), ("A knot.", False)],
)
def test_negations_are_known(text: str, negated: bool) -> None:
    assert is_negated(text) == negated


@pytest.mark.parametrize(
    ("text", "english"),
    [
        (" ".join(STORY), True),
        ("北山图书馆经过两年的修缮，于本周六重新开放。", False),
        ("Der Rat hat am Montag beschlossen, die alte Brücke nicht zu erneuern, weil das Geld fehlt.", False),
        ("Le conseil a décidé lundi de ne pas rénover le vieux pont, faute d'argent.", False),
        ("12 13 14", False),
        ("", False),
    ],
)
def test_only_english_is_judged(text: str, english: bool) -> None:
    assert is_english(text) == english
