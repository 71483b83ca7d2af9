"""Answers that random logits write, where only a grammar says what may come."""

import json
import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema
import numpy as np
import pytest
import small_tokenizers

from app.errors import InferenceFailed, InvalidInput
from app.generation.grammar import MOST_CHARACTERS, MOST_GRAMMARS, Grammars
from app.generation.prompt import Constraint
from app.generation.vocabulary import Vocabulary

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "tags": {"type": "array", "items": {"enum": ["a", "b", "ü"]}, "maxItems": 3},
        "ok": {"type": ["boolean", "null"]},
    },
    "required": ["name", "age", "tags"],
    "additionalProperties": False,
}
SCHEMAS = [
    PERSON,
    {"$defs": {"person": PERSON}, "type": "array", "items": {"$ref": "#/$defs/person"}, "minItems": 1, "maxItems": 2},
    {"anyOf": [{"const": {"a": [1, None]}}, {"type": "string", "pattern": "^[a-c]{2,5}$"}, {"type": "number"}]},
    {"type": "object", "properties": {"when": {"type": "string", "format": "date"}}, "required": ["when"]},
    {"type": "string", "enum": ["yes", 'n"o', "<|im_end|>", "漢字"]},
]


@pytest.fixture(scope="module", params=["byte_level", "byte_fallback", "built"])
def written(request: pytest.FixtureRequest) -> "Written":
    tokenizer = getattr(small_tokenizers, request.param)()
    if tokenizer is None:
        pytest.skip("smollm2-instruct is not built here")
    return Written(tokenizer)


class Written:
    """Texts by a grammar, over one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self.vocabulary = Vocabulary(tokenizer)
        self.ends = [1, 2]
        self.grammars = Grammars(tokenizer.to_str(), self.ends)
        raw = [self.vocabulary.bytes_of(id) for id in range(self.vocabulary.size)]
        # Or strings and lists would hardly ever end.
        self.bias = np.array([4.0 if set(one) & set(b'"}]') else 0.0 for one in raw] + [9.0] * 7, np.float32)

    def one(self, constraint: Constraint, draw: np.random.Generator, tokens: int = 600) -> str | None:
        """A random answer; None if it is not over after so many tokens."""
        raw = b""
        for _ in range(tokens):
            logits = draw.standard_normal(len(self.bias), np.float32) + self.bias
            constraint.forbid(logits)
            token = int(logits.argmax())
            constraint.accept(token)
            if token in self.ends:
                return raw.decode()
            assert np.isfinite(logits[token])
            raw += self.vocabulary.bytes_of(token)
        return None


def test_answers_are_valid_by_their_schema(written: Written):
    draw, valid = np.random.default_rng(0), 0
    for schema in SCHEMAS:
        make = written.grammars.json_schema(schema)
        for _ in range(52):  # some are not over in time
            text = written.one(make(), draw)
            if text is not None:
                jsonschema.validate(json.loads(text), schema)
                assert "\n" not in text
                valid += 1
    assert valid >= 200


def test_objects(written: Written):
    draw, make = np.random.default_rng(1), written.grammars.json_object()
    texts = [text for text in (written.one(make(), draw) for _ in range(20)) if text is not None]
    assert texts
    assert all(isinstance(json.loads(text), dict) for text in texts)


def test_json_is_spaced_as_python_writes_it(written: Written):
    make = written.grammars.json_schema({"const": {"a": [1, 2], "b": {}}})
    assert written.one(make(), np.random.default_rng(0)) == '{"a": [1, 2], "b": {}}'


def test_patterns_and_choices(written: Written):
    draw = np.random.default_rng(2)
    pattern = r"(yes|no), [a-c]{2,4}é?"
    assert all(re.fullmatch(pattern, written.one(written.grammars.regex(pattern)(), draw) or "") for _ in range(20))
    choices = ['say "no"', "back\\slash", "two\nlines", "漢字", "/a/", "a", "ab"]
    make = written.grammars.choice(choices)
    assert {written.one(make(), draw) for _ in range(200)} == set(choices)
    lark = written.grammars.lark('start: "a" more\nmore: "(" more ")" | "b"')
    assert re.fullmatch(r"a\(*b\)*", written.one(lark(), draw) or "")


def test_answers_of_one_grammar_do_not_know_one_another(written: Written):
    make = written.grammars.json_schema(PERSON)
    seeds = range(16)
    alone = [written.one(make(), np.random.default_rng(seed)) for seed in seeds]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda seed: written.one(make(), np.random.default_rng(seed)), seeds))
    assert together == alone


def test_after_a_whole_answer_only_ends_may_come(written: Written):
    constraint = written.grammars.choice(["a"])()
    logits = np.zeros(written.vocabulary.size + 7, np.float32)
    constraint.forbid(logits)
    assert not np.isfinite(logits[written.ends]).any()
    constraint.accept(int(logits.argmax()))
    logits = np.zeros(written.vocabulary.size + 7, np.float32)
    constraint.forbid(logits)
    assert np.flatnonzero(np.isfinite(logits)).tolist() == written.ends


@pytest.fixture(scope="module")
def grammars() -> Grammars:
    return Grammars(small_tokenizers.byte_level().to_str(), [1, 2])


def deep(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def referring(times: int) -> dict[str, Any]:
    inside = {str(at): {"items": {"$ref": f"#/$defs/{at + 1}"}} for at in range(times)}
    return {"$defs": {**inside, str(times): {"type": "string"}}, "$ref": "#/$defs/0"}


def two(at: int) -> dict[str, Any]:
    kinds = [{"properties": {f"{name}{at}": {"type": "string"}}, "required": [f"{name}{at}"]} for name in "ab"]
    return {"anyOf": [{"type": "object", **kind} for kind in kinds]}


REFUSED: dict[str, tuple[Callable[[Grammars], Any], str]] = {
    "not": (lambda g: g.json_schema({"not": {}}), "not"),
    "uniqueItems": (lambda g: g.json_schema({"type": "array", "uniqueItems": True}), "uniqueItems"),
    "leniently": (lambda g: g.json_schema({"uniqueItems": True, "x-guidance": {"lenient": True}}), "uniqueItems"),
    "another document": (lambda g: g.json_schema({"$ref": "http://example.com/a.json"}), "does not fetch"),
    "format": (lambda g: g.json_schema({"type": "string", "format": "zip"}), "Unknown format: zip"),
    "type": (lambda g: g.json_schema({"type": "text"}), "Invalid type: text"),
    "half a character": (lambda g: g.json_schema({"enum": ["\ud83d"]}), "hex escape"),
    "nothing": (lambda g: g.json_schema(False), "nothing is valid"),
    "no schema": (lambda g: g.json_schema([]), "must be an object"),  # type: ignore[arg-type]
    "empty": (lambda g: g.json_schema({"type": "string", "minLength": 2, "maxLength": 1}), "nsatisfiable"),
    "look-around": (lambda g: g.regex("(?=a)b"), "look-around"),
    "open group": (lambda g: g.regex("(a"), "unclosed group"),
    "half a character in a pattern": (lambda g: g.regex("\ud83d"), "surrogate"),
    "no choice": (lambda g: g.choice([]), "list of texts"),
    "an empty choice": (lambda g: g.choice(["a", ""]), "none of them empty"),
    "unknown rule": (lambda g: g.lark("start: foo"), "unknown name"),
    "deep": (lambda g: g.json_schema(deep(300)), "recursion limit"),
    "deeper": (lambda g: g.json_schema(deep(3_000)), "recursion"),
    "large": (lambda g: g.json_schema(deep(20_000)), "too large"),
    "long": (lambda g: g.json_schema({"enum": [f"value {n}" for n in range(20_000)]}), f"{MOST_CHARACTERS}"),
    "long pattern": (lambda g: g.regex("a" * (MOST_CHARACTERS + 1)), f"{MOST_CHARACTERS}"),
    "all of any of": (lambda g: g.json_schema({"allOf": [two(at) for at in range(11)]}), "too (large|big|complex)"),
    "all of any of many": (lambda g: g.json_schema({"allOf": [two(at) for at in range(40)]}), "too (large|complex)"),
    "no text for a pattern": (lambda g: g.regex(5), "must be a text"),  # type: ignore[arg-type]
    "no list of choices": (lambda g: g.choice("ab"), "list of texts"),
    "a long way of references": (lambda g: g.json_schema(referring(2_000)), "too complex"),
    "many that may be left out": (lambda g: g.regex("a?" * 45_000), "too complex"),
    "many patterns of names": (
        lambda g: g.json_schema({"type": "object", "patternProperties": {f"^a{n}$": {} for n in range(1_500)}}),
        "too complex",
    ),
    "a large divisor": (lambda g: g.json_schema({"type": "integer", "multipleOf": 1_000_003}), "too complex"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_kept_is_refused_at_once(grammars: Grammars, case: str):
    ask, said = REFUSED[case]
    with pytest.raises(InvalidInput, match=said):
        ask(grammars)


@pytest.mark.parametrize(
    "pattern",
    [r"(a{1000}){1000}", r"(x+x+)+y", r".*(a|b).{30}", r"(.*a.{20}){5}", "|".join("a" * n for n in range(400))],
)
def test_patterns_that_explode_elsewhere_are_followed_or_stopped(written: Written, pattern: str):
    try:
        written.one(written.grammars.regex(pattern)(), np.random.default_rng(0), tokens=200)
    except (InvalidInput, InferenceFailed) as error:
        assert "too many" in str(error) or "too complex" in str(error)  # noqa: PT017


@pytest.mark.parametrize("pattern", [r"(a{1000}){1000}", "b" + "a?" * 30_000])
def test_what_becomes_too_complex_while_it_is_followed_is_a_fault_of_the_grammar(written: Written, pattern: str):
    with pytest.raises(InvalidInput, match=r"too many|too complex|precomputation failed"):
        written.one(written.grammars.regex(pattern)(), np.random.default_rng(0), tokens=200)


def test_what_may_not_come_is_not_accepted(grammars: Grammars):
    constraint = grammars.json_object()()
    with pytest.raises(InferenceFailed, match="does not allow"):
        constraint.accept(small_tokenizers.byte_level().encode("x").ids[0])


def test_grammars_are_compiled_once_and_the_oldest_is_forgotten(grammars: Grammars):
    draw = random.Random(0)
    patterns = [f"a{{{n}}}" for n in range(1, MOST_GRAMMARS + 3)]
    for pattern in [*patterns, *draw.choices(patterns, k=5)]:
        grammars.regex(pattern)
    assert len(grammars.compiled) == MOST_GRAMMARS


def test_a_tokenizer_that_it_cannot_read_is_told():
    with pytest.raises(InvalidInput, match="tokenizer of this model"):
        Grammars(small_tokenizers.word_piece().to_str(), [1]).json_object()
