import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from training.data.own.tables import read_tables
from training.data.own.texts import own_texts
from training.errors import TrainingError

LABELS = ("negative", "positive")


def test_files_are_read_in_the_order_of_their_names_and_other_columns_ignored(tmp_path):
    (tmp_path / "b.csv").write_text("label,text,note\npositive,fine,x\n")
    (tmp_path / "a.csv").write_text('text,label,domain\n"bad, very",negative,shoes\n')
    texts, files, _ = own_texts(tmp_path, LABELS, "domain")
    assert texts[["text", "label", "domain"]].to_numpy().tolist() == [["bad, very", 0, "shoes"], ["fine", 1, "texts"]]
    assert [file.name for file in files] == ["a.csv", "b.csv"]


def test_a_text_that_comes_twice_is_one(tmp_path):
    (tmp_path / "a.csv").write_text("text,label\nfine,positive\n fine , positive\n\nnot,negative\n")
    texts, _, _ = own_texts(tmp_path, LABELS, "domain")
    assert texts.text.tolist() == ["fine", "not"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(
            "text,label\nfine,positive\nso so,mixed\nmeh,mixed\n",
            r"a.csv, line 3: a label other than negative, positive \('mixed'\), and 1 more",
            id="a label",
        ),
        pytest.param(
            "text,label\nfine,positive\n\n\nso so,mixed\n", r"a.csv, line 5: a label other", id="after empty lines"
        ),
        pytest.param(
            "text,label\nfine,positive\nfine,negative\n",
            r"a.csv, line 3: a text that has another label before \('fine'\)",
            id="two labels",
        ),
        pytest.param("text,label\n ,positive\n", "a.csv, line 2: an empty text", id="an empty text"),
        pytest.param("text,label\nfine\n", "a.csv, line 2: a label other than", id="too few fields"),
        pytest.param("text,label\nfine,positive,really\n", "a.csv cannot be read as CSV", id="too many fields"),
        pytest.param("text,stars\nfine,5\n", "a.csv has no column label; it has text, stars", id="a column is missing"),
        pytest.param("text,label\n", "a.csv has no rows", id="no rows"),
        pytest.param("", "a.csv cannot be read as CSV", id="nothing"),
        pytest.param('text,label\n"fine,positive\n', "a.csv cannot be read as CSV", id="a quote left open"),
        pytest.param(
            "text,label\nna\xefve,positive\n".encode("latin-1"), "a.csv cannot be read as CSV in UTF-8", id="Latin-1"
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(content, says, tmp_path):
    (tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(TrainingError, match=says) as raised:
        own_texts(tmp_path, LABELS, "domain")
    assert "\n" not in str(raised.value)


def test_a_folder_without_tables_says_what_it_has(tmp_path):
    (tmp_path / "reviews.json").touch()
    with pytest.raises(
        TrainingError,
        match=r"has no \*.csv or \*.jsonl or \*.parquet with the columns text, label; it has reviews.json",
    ):
        read_tables(tmp_path, required=("text", "label"))


def parquet(path: Path, metadata: dict[bytes, bytes], **columns: list[Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns).replace_schema_metadata(metadata), path)


def test_parquet_is_read_with_the_names_of_its_classes(tmp_path):
    features = {"text": {"dtype": "string"}, "label": {"names": ["neg", "pos"], "_type": "ClassLabel"}}
    stated = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    parquet(tmp_path / "data" / "train-0.parquet", stated, text=["bad", "fine"], label=[0, 1], stars=[1, None])
    texts, files, _ = own_texts(tmp_path, LABELS, "domain")
    assert texts[["text", "label"]].to_numpy().tolist() == [["bad", 0], ["fine", 1]]
    assert [file.name for file in files] == ["train-0.parquet"]


def test_what_is_wrong_in_parquet_is_named_with_its_row(tmp_path):
    parquet(tmp_path / "a.parquet", {}, text=["bad", None], label=["negative", "positive"])
    with pytest.raises(TrainingError, match=r"a\.parquet, line 2: an empty text"):
        own_texts(tmp_path, LABELS, "domain")
    parquet(tmp_path / "a.parquet", {}, text=["bad"], label=[0])
    with pytest.raises(TrainingError, match=r"a\.parquet, line 1: a label other than negative, positive \('0'\)"):
        own_texts(tmp_path, LABELS, "domain")
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(TrainingError, match=r"a\.parquet cannot be read as Parquet"):
        own_texts(tmp_path, LABELS, "domain")
