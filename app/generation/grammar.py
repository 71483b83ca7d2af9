"""Answers of a certain form: JSON of a schema, a pattern, one of several texts. Knows no HTTP."""

import json
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any

import numpy as np

from app.errors import InferenceFailed, InvalidInput, ModelNotReady
from app.generation.apart import require_compiles
from app.generation.closing import closed
from app.generation.compiling import compiled
from app.generation.encoding import check_is_text
from app.generation.prompt import Constraint, Logits

MOST_CHARACTERS = 100_000
"""Of a grammar. The slowest that llguidance still takes, and those it refuses, then take seconds, not minutes."""
MOST_GRAMMARS = 16
"""That are kept compiled. One that is used takes up to 2 kB for each of `compiling.MOST_STATES`."""

# As Python writes JSON, and so most of what models have read. A grammar that allows any space lets a small model write
# spaces without end.
_JSON = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": False}


class Grammars:
    """Constraints for one tokenizer, by llguidance. Each grammar is compiled once; many threads may ask.

    What is compiled raises InvalidInput with llguidance's own words for what it cannot do, and ModelNotReady where it
    is not installed. To call what comes back gives a constraint for one answer.
    """

    def __init__(self, tokenizer_json: str, end_ids: Sequence[int]) -> None:
        self._tokenizer_json = tokenizer_json
        self._end_ids = sorted(end_ids)
        self._tokenizer: Any = None
        self.compiled: OrderedDict[str, Any] = OrderedDict()
        self._lock = Lock()
        self._tokenizer_lock = Lock()

    def prepare(self) -> None:
        """Read the tokenizer, where llguidance is installed: that takes some .3 s, in which no other thread runs."""
        with suppress(ModelNotReady, InvalidInput):  # whoever needs a grammar is told
            self._tokens()

    def json_schema(self, schema: Mapping[str, Any] | bool) -> Callable[[], Constraint]:
        """JSON of a schema (draft 2020-12), on one line, with the fields in the order of the schema, and no others.

        Where the schema itself speaks of more fields, they may come.
        """
        if schema is False:
            raise InvalidInput("nothing is valid by it")
        if not isinstance(schema, Mapping | bool):
            raise InvalidInput("must be an object")
        matcher = self._llguidance().LLMatcher
        try:
            _check_size(schema)
            text = json.dumps({} if schema is True else closed(schema))
            _check(text)
            grammar = matcher.grammar_from_json_schema(text, overrides=_JSON)
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"cannot be used: {error}") from error
        return self._of(grammar)

    def json_object(self) -> Callable[[], Constraint]:
        """Any JSON object."""
        return self.json_schema({"type": "object"})

    def regex(self, pattern: str) -> Callable[[], Constraint]:
        """A text that a pattern matches as a whole; the patterns are those of Rust's regex crate."""
        if not isinstance(pattern, str):
            raise InvalidInput("must be a text")
        _check(pattern)
        return self._of(self._llguidance().LLMatcher.grammar_from_regex(pattern))

    def lark(self, grammar: str) -> Callable[[], Constraint]:
        """A text of a context-free grammar, in llguidance's form of Lark's."""
        _check(grammar)
        return self._of(self._llguidance().LLMatcher.grammar_from_lark(grammar))

    def choice(self, texts: Sequence[str]) -> Callable[[], Constraint]:
        """One of these texts."""
        if (
            not isinstance(texts, list | tuple)
            or not texts
            or not all(isinstance(text, str) and text for text in texts)
        ):
            raise InvalidInput("must be a list of texts, none of them empty")
        return self.lark("start: " + " | ".join(json.dumps(text, ensure_ascii=False) for text in texts))

    def _llguidance(self) -> Any:
        try:
            import llguidance
        except ImportError as error:
            raise ModelNotReady("answers by a grammar need the extra `generation`, which is not installed") from error
        return llguidance

    def _of(self, grammar: str) -> Callable[[], Constraint]:
        with self._lock:
            if (matcher := self.compiled.get(grammar)) is not None:
                self.compiled.move_to_end(grammar)
        if matcher is None:
            matcher = self._matcher(grammar)  # at times one is compiled twice; others do not wait for it
            with self._lock:
                self.compiled[grammar] = matcher
                if len(self.compiled) > MOST_GRAMMARS:
                    self.compiled.popitem(last=False)
        return lambda: _Constraint(matcher.deep_copy(), self._end_ids)

    def _matcher(self, grammar: str) -> Any:
        library, tokens = self._llguidance(), self._tokens()
        require_compiles(grammar)
        matcher = compiled(library, tokens, grammar)
        if matcher.is_error():
            raise InvalidInput(f"cannot be used: {_said(matcher)}")
        return matcher

    def _tokens(self) -> Any:
        with self._tokenizer_lock:
            if self._tokenizer is None:
                try:
                    tokens = self._llguidance().LLTokenizer(self._tokenizer_json, eos_token=self._end_ids)
                except ValueError as error:
                    raise InvalidInput(f"cannot be used with the tokenizer of this model: {error}") from error
                self._tokenizer = tokens
            return self._tokenizer


class _Constraint:
    def __init__(self, matcher: Any, end_ids: Sequence[int]) -> None:
        self._matcher = matcher
        self._end_ids = end_ids
        self._allowed = np.zeros(0, np.bool_)

    def forbid(self, logits: Logits) -> None:
        """Raises InvalidInput where the grammar became too complex to go on."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint8)
        if self._matcher.is_error():
            raise InvalidInput(f"the grammar cannot be followed: {_said(self._matcher)}")
        self._allowed = allowed = np.unpackbits(bits, bitorder="little").view(np.bool_)[: len(logits)]
        logits[: len(allowed)][~allowed] = -np.inf
        logits[len(allowed) :] = -np.inf

    def accept(self, token: int) -> None:
        """Raises InvalidInput as `forbid` does, and InferenceFailed for a token that it has not allowed."""
        if token in self._end_ids:
            return
        if self._matcher.consume_token(token):
            return
        if token < len(self._allowed) and self._allowed[token]:  # so it is not for the token
            raise InvalidInput(f"the grammar cannot be followed: {_said(self._matcher)}")
        raise InferenceFailed(f"the grammar does not allow this: {_said(self._matcher)}")


def _check(text: str) -> None:
    check_is_text(text)
    if len(text) > MOST_CHARACTERS:
        raise InvalidInput(f"has {len(text)} characters; a grammar may have {MOST_CHARACTERS}")


def _check_size(schema: Any) -> None:
    """Raises InvalidInput for what is surely too large, before all of it is written as JSON."""
    left, inside = MOST_CHARACTERS, [schema]
    while inside:
        value = inside.pop()
        left -= len(value) if isinstance(value, str) else 1
        if left < 0:
            raise InvalidInput(f"is too large: a grammar may have {MOST_CHARACTERS} characters")
        if isinstance(value, Mapping):
            left -= sum(map(len, value))
            inside.extend(value.values())
        elif isinstance(value, list | tuple):
            inside.extend(value)


def _said(matcher: Any) -> str:
    said = matcher.get_error().partition("\n<")[0].strip()
    return "it is too large" if said.startswith("panic") else said
