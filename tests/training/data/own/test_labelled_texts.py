"""Texts of one's own by one's own labels: read, cut into splits, or refused in a sentence."""

import json
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from training.data.own.labelled_texts import LabelledTexts, load_labelled_texts
from training.errors import TrainingError
from training.recipe import Run

LABELS = ("billing", "delivery", "product")
ROWS = [(f"{label} {'abcdefghij'[i % 10]} {i // 10} of the {label}s", label) for label in LABELS for i in range(40)]


def csv(
    path: Path, rows: list[tuple[str, str]], head: str = "text,label", sign: str = ",", encoding: str = "utf-8"
) -> Path:
    path.write_text("\n".join([head.replace(",", sign), *map(sign.join, rows)]), encoding=encoding)
    return path


def read(path: Path, **columns: str) -> LabelledTexts:
    return load_labelled_texts(Run(path.parent, source=str(path), columns=columns))


def all_of(texts: LabelledTexts) -> dict[str, tuple[str, ...]]:
    parts = (texts.train, texts.validation, texts.test)
    return {
        t: tuple(texts.labels[i] for i in one) for part in parts for t, one in zip(part.text, part.labels, strict=True)
    }


def test_labels_come_from_the_data_and_each_split_has_its_share_of_every_label(tmp_path):
    texts = read(csv(tmp_path / "tickets.csv", ROWS))
    assert tuple(texts.labels) == LABELS
    assert all_of(texts) == {text: (label,) for text, label in ROWS}
    assert [len(part) for part in (texts.train, texts.validation, texts.test)] == [84, 18, 18]
    for part in (texts.validation, texts.test):
        assert texts.targets(part).sum(0).tolist() == [6, 6, 6]
    assert texts.source.name == "tickets.csv"
    assert not texts.are_several


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_is_read_as_spreadsheets_write_it(tmp_path, sign, encoding):
    path = csv(tmp_path / "t.csv", ROWS, "message,queue", sign, encoding)
    assert all_of(read(path, text="message", label="queue")) == {text: (label,) for text, label in ROWS}


def test_json_lines_and_parquet_are_read_alike(tmp_path):
    wanted = {text: (label,) for text, label in ROWS}
    lines = tmp_path / "t.jsonl"
    lines.write_text("\n".join(json.dumps({"text": text, "label": label, "more": 1}) for text, label in ROWS))
    assert all_of(read(lines)) == wanted
    table = tmp_path / "t.parquet"
    pyarrow.parquet.write_table(
        pyarrow.table(dict(zip(("text", "label"), zip(*ROWS, strict=True), strict=True))), table
    )
    assert all_of(read(table)) == wanted


SEVERAL = [
    (text, (label, "urgent") if i % 4 == 0 else (label,) if i % 4 < 3 else ()) for i, (text, label) in enumerate(ROWS)
]


def test_a_text_may_have_several_labels_or_none(tmp_path):
    wanted = {text: tuple(sorted(labels)) for text, labels in SEVERAL}
    cells = [(text, ";".join(labels)) for text, labels in SEVERAL]
    texts = read(csv(tmp_path / "t.csv", cells), separator=";")
    assert texts.are_several
    assert all_of(texts) == wanted
    assert tuple(texts.labels) == (*LABELS, "urgent")
    lines = tmp_path / "t.jsonl"
    lines.write_text("\n".join(json.dumps({"text": text, "label": labels}) for text, labels in SEVERAL))
    assert all_of(read(lines)) == wanted


def test_a_split_that_is_given_is_kept_and_its_texts_are_not_learned(tmp_path):
    csv(tmp_path / "train.csv", ROWS)
    test = [(text.upper(), label) for text, label in ROWS[:12]] + [("something new", "delivery")]
    csv(tmp_path / "test.csv", test)
    texts = load_labelled_texts(Run(tmp_path, source=str(tmp_path)))
    assert texts.test.text.tolist() == [text for text, _ in test]
    learned = {*texts.train.text, *texts.validation.text}
    assert learned == {text for text, _ in ROWS[12:]}
    assert "12 texts were not learned from, since a split that judges has them as well." in texts.remarks


def test_what_cannot_be_learned_from_is_left_out_and_counted(tmp_path):
    rows = [
        *ROWS,
        ("\u200b", "billing"),
        ("rare", "other"),
        ("once more", ""),
        ("twice", "billing"),
        ("twice", "product"),
        ROWS[0],
    ]
    texts = read(csv(tmp_path / "t.csv", rows))
    assert all_of(texts) == {text: (label,) for text, label in ROWS}
    assert texts.remarks == [
        "1 empty texts were left out.",
        "1 texts without a label were left out.",
        "1 texts that came with two labels were left out.",
        "1 texts were left out with the 1 labels of which there are fewer than 3 texts to learn from.",
    ]


@pytest.mark.parametrize(
    ("rows", "head", "said"),
    [
        (
            ROWS[:3],
            "text,label",
            "two labels of 3 texts or more are needed, and there is one: of 1 the most frequent is 'billing'",
        ),
        (ROWS[:40], "text,label", "two labels of 3 texts or more are needed, and there is one"),
        (ROWS[38:44], "text,label", "two labels of 3 texts or more are needed, and there is one"),
        (ROWS[30:50], "text,label", "t.csv has too few texts: 12 for train, 4 for validation, 4 for test"),
        (ROWS, "txet,label", r"has no column text; it has txet, label; is 'txet' meant\?"),
        (ROWS, "message,queue", "has no column text, label; it has message, queue"),
        ([(text, "") for text, _ in ROWS], "text,label", "most rows are texts without a label"),
        ([("", label) for _, label in ROWS], "text,label", "most rows are empty texts"),
        ([(label, text) for text, label in ROWS], "text,label", "a text that has another label before"),
        ([(text, text) for text, _ in ROWS], "text,label", "there is none: of 120 the most frequent is"),
    ],
)
def test_what_cannot_be_a_table_of_labelled_texts_is_refused_in_a_sentence(tmp_path, rows, head, said):
    with pytest.raises(TrainingError, match=said):
        read(csv(tmp_path / "t.csv", rows, head))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('{"text": "a", "label": "b"}\n[1]', "line 2: not an object"),
        ('{"text": "a", "label": "b"}\n\n{"text": ', "line 3 cannot be read as JSON"),
        ("", "has no"),
    ],
)
def test_a_line_that_is_no_json_is_named(tmp_path, lines, said):
    path = tmp_path / "t.jsonl"
    path.write_text(lines)
    with pytest.raises(TrainingError, match=said):
        read(path)


def test_targets_are_ones_where_a_label_is(tmp_path):
    texts = read(csv(tmp_path / "t.csv", ROWS))
    targets = texts.targets(texts.test)
    assert targets.dtype == np.float32
    assert [texts.labels[i] for i in targets.argmax(1)] == [text.split()[0] for text in texts.test.text]
