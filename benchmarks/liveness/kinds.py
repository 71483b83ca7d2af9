"""Requests to small models of the kinds that models/ has none of: as large as may be, and as bad."""

import json
from collections.abc import Sequence
from typing import Any

from benchmarks.liveness.making import LARGE, OK, REFUSED, Case, article, filled, names, plain, repeated
from benchmarks.liveness.small import ANSWERS, CATEGORIES, COLUMNS, ENTITIES, MASKS, TABLE, ZERO_SHOT

LATE = (200, 429, 504)
MOST = 99_990  # characters of a text


def _path(model: str) -> str:
    return f"/v1/models/{model}/predict"


def _asked(items: Sequence[Any], **parameters: Any) -> bytes:
    return json.dumps({"inputs": items, **({"parameters": parameters} if parameters else {})}).encode()


def _question(context: str, question: str = "When?") -> dict[str, str]:
    return {"question": question, "context": context}


def _choice(text: str, labels: Sequence[str]) -> dict[str, Any]:
    return {"text": text, "candidate_labels": labels}


def _row(**fields: Any) -> dict[str, Any]:
    return {**{f"n{i}": 0.5 for i in range(COLUMNS)}, "kind": CATEGORIES[0], **fields}


def _lines(count: int, value: str) -> bytes:
    line = ",".join([value] * COLUMNS + [CATEGORIES[0]])
    return "\n".join([",".join([*(f"n{i}" for i in range(COLUMNS)), "kind"]), *[line] * count]).encode()


MASKED = "the ferry [MASK] at seven " * 16
CSV = {"Content_Type": "text/csv"}


def lawful_kinds() -> list[Case]:
    many = [f"label {number}" for number in range(100)]
    return [
        Case("256 texts with entities", _path(ENTITIES), plain(lambda: _asked([article(900)] * 256)), LATE),
        Case(
            "entities of the beginning",
            _path(ENTITIES),
            plain(lambda: _asked([article(MOST)] * 30, truncate=True)),
            LATE,
        ),
        Case(
            "each token by itself",
            _path(ENTITIES),
            plain(lambda: _asked([article(900)] * 256, aggregation_strategy="none")),
            LATE,
        ),
        Case("16 texts of 16 masks", _path(MASKS), plain(lambda: _asked([MASKED] * 16)), LATE),
        Case("the 100 likeliest of 16 masks", _path(MASKS), plain(lambda: _asked([MASKED] * 16, top_k=100)), LATE),
        Case("the same, and gone", _path(MASKS), plain(lambda: _asked([MASKED] * 16, top_k=100)), (), 0.5),
        Case(
            "16 questions of long contexts",
            _path(ANSWERS),
            plain(lambda: _asked([_question(article(25_000))] * 16)),
            LATE,
        ),
        Case(
            "100 answers of 1,000 tokens",
            _path(ANSWERS),
            plain(lambda: _asked([_question(article(25_000))] * 16, top_k=100, max_answer_len=1000)),
            LATE,
        ),
        Case(
            "16 texts and 100 labels", _path(ZERO_SHOT), plain(lambda: _asked([_choice(article(800), many)] * 16)), LATE
        ),
        Case(
            "beginnings and 100 labels",
            _path(ZERO_SHOT),
            plain(lambda: _asked([_choice(article(MOST), many)] * 16, truncate=True)),
            LATE,
        ),
        Case("256 rows of a table", _path(TABLE), plain(lambda: _asked([_row()] * 256)), OK),
        Case("256 lines of a table", _path(TABLE), plain(lambda: _lines(256, "0.5"), **CSV), OK),
    ]


def hostile_kinds() -> list[Case]:
    letter = "a" * 990
    return [
        Case("entities of marks", _path(ENTITIES), plain(lambda: _asked([".,;" * 33_000] * 30, truncate=True)), LATE),
        Case("entities of an endless word", _path(ENTITIES), plain(lambda: _asked(["a" * MOST] * 30)), LATE),
        Case(
            "100,000 labels to ignore",
            _path(ENTITIES),
            plain(lambda: _asked(["a"], ignore_labels=["b"] * 100_000)),
            REFUSED,
        ),
        Case("14,000 masks", _path(MASKS), plain(lambda: _asked(["[MASK] " * 14_000] * 16, truncate=True)), REFUSED),
        Case("64 texts of 16 masks", _path(MASKS), plain(lambda: _asked([MASKED] * 64)), LARGE),
        Case(
            "1,000 long targets",
            _path(MASKS),
            plain(lambda: _asked([MASKED], targets=["a" * 3900] * 1000)),
            (*REFUSED, 413),
        ),
        Case("100,000 targets", _path(MASKS), plain(lambda: _asked([MASKED], targets=["a"] * 100_000)), REFUSED),
        Case(
            "a question as long as may be",
            _path(ANSWERS),
            plain(lambda: _asked([_question("a", article(MOST))] * 16)),
            REFUSED,
        ),
        Case("contexts of an endless word", _path(ANSWERS), plain(lambda: _asked([_question("a" * MOST)] * 16)), LATE),
        Case(
            "contexts of marks",
            _path(ANSWERS),
            plain(lambda: _asked([_question("." * MOST)] * 16, doc_stride=10_000)),
            (*LATE, *REFUSED),
        ),
        Case(
            "hypotheses of one letter",
            _path(ZERO_SHOT),
            plain(lambda: _asked([_choice("a", [letter] * 100)] * 16)),
            LATE,
        ),
        Case(
            "a template of 500 places",
            _path(ZERO_SHOT),
            plain(lambda: _asked([_choice("a", [letter] * 100)] * 16, hypothesis_template="{}" * 500, truncate=True)),
            REFUSED,
        ),
        Case(
            "100,000 candidate labels",
            _path(ZERO_SHOT),
            plain(lambda: _asked([_choice("a", ["b"] * 100_000)])),
            REFUSED,
        ),
        Case("unknown columns", _path(TABLE), plain(lambda: names('{"inputs":[', "]}", 1_200_000)), REFUSED),
        Case(
            "256 rows of unknown categories",
            _path(TABLE),
            plain(lambda: _asked([_row(kind="categor" * 11)] * 256)),
            REFUSED,
        ),
        Case("numbers that are texts", _path(TABLE), plain(lambda: _lines(256, "1e400"), **CSV), REFUSED),
        Case("a table of commas", _path(TABLE), plain(lambda: b"," * 3_900_000, **CSV), LARGE),
        Case("a table of quotes", _path(TABLE), plain(lambda: b'"' * 3_900_000, **CSV), (*REFUSED, 413)),
        Case("a table of empty lines", _path(TABLE), plain(lambda: b"a" + b"\n" * 490_000, **CSV), REFUSED),
        Case(
            "499,000 names of columns",
            _path(TABLE),
            plain(lambda: filled("", lambda i: f"c{i}", "\n1", 3_900_000), **CSV),
            (*REFUSED, 413),
        ),
        Case(
            "rows of empty objects",
            _path(TABLE),
            plain(lambda: repeated(b'{"inputs":[', b"{},", b"{}]}", 0, 255)),
            (200, *REFUSED),
        ),
    ]
