import json
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from training.data.own.texts import own_texts
from training.errors import TrainingError

LABELS = ("negative", "neutral", "positive")
TWO = ("negative", "positive")


def write(folder: Path, labels: list[str], name: str = "a.csv") -> None:
    rows = [f"text {name} {number},{label}" for number, label in enumerate(labels)]
    (folder / name).write_text("\n".join(["text,label", *rows]))


@pytest.mark.parametrize(
    ("given", "read"),
    [
        pytest.param(["NEG", "Positive", "neu"], [0, 2, 1], id="names in any case"),
        pytest.param(["0", "1"], [0, 2], id="two numbers from zero"),
        pytest.param(["1", "2"], [0, 2], id="two numbers from one"),
        pytest.param(["0", "1", "2"], [0, 1, 2], id="three numbers from zero"),
        pytest.param(["1.0", "0.0"], [2, 0], id="numbers with a decimal"),
        pytest.param(["0", "1", "2", "3", "4"], [0, 0, 1, 2, 2], id="five numbers from zero"),
        pytest.param(["1", "2", "3", "4", "5"], [0, 0, 1, 2, 2], id="stars as numbers"),
        pytest.param(["1", "5"], [0, 2], id="the ends of five stars"),
        pytest.param(["0", "4"], [0, 2], id="the ends of five numbers from zero"),
        pytest.param(["1 star", "2 star", "3 stars", "4 stars", "5 stars"], [0, 0, 1, 2, 2], id="stars by name"),
        pytest.param(["very negative", "positive", "neutral"], [0, 2, 1], id="names with a degree"),
    ],
)
def test_labels_are_read_as_data_sets_write_them(given: list[str], read: list[int], tmp_path: Path) -> None:
    write(tmp_path, given)
    texts, _, remarks = own_texts(tmp_path, LABELS, "domain")
    assert texts.label.tolist() == read
    assert any("numbers without names" in remark for remark in remarks) == given[0][0].isdigit() - ("star" in given[0])


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(["0"], id="one number"),
        pytest.param(["0", "7"], id="a number beyond five"),
        pytest.param(["1", "3"], id="of three from one, or of five"),
        pytest.param(["-1", "0", "1"], id="of which one may be no label"),
        pytest.param(["0", "positive"], id="numbers and names"),
        pytest.param(["4 stars", "6 stars"], id="six stars"),
    ],
)
def test_numbers_that_can_be_read_in_two_ways_are_refused(given: list[str], tmp_path: Path) -> None:
    write(tmp_path, given)
    with pytest.raises(TrainingError, match=r"a.csv, line \d: a label other than negative, neutral, positive"):
        own_texts(tmp_path, LABELS, "domain")


def test_of_two_labels_the_stars_between_are_left_out(tmp_path: Path) -> None:
    write(tmp_path, ["1", "3", "5"])
    texts, _, remarks = own_texts(tmp_path, TWO, "kind")
    assert texts.label.tolist() == [0, 1]
    assert "1 texts with a label between negative and positive were left out." in remarks


def hub_file(path: Path, texts: list[str], labels: list[int], names: list[str] | None) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    features = {"text": {"dtype": "string"}, "label": {"names": names, "_type": "ClassLabel"} if names else {}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()} if names else {}
    table = pyarrow.table({"text": texts, "label": labels}).replace_schema_metadata(metadata)
    pyarrow.parquet.write_table(table, path)


@pytest.mark.parametrize("names", [["neg", "pos"], None], ids=["named", "numbers"])
def test_the_imdb_reviews_are_read_as_the_hub_has_them(names: list[str] | None, tmp_path: Path) -> None:
    shards = tmp_path / "plain_text"
    hub_file(shards / "train-00000-of-00002.parquet", ["bad", "good"], [0, 1], names)
    hub_file(shards / "train-00001-of-00002.parquet", ["worse"], [0], names)
    hub_file(shards / "test-00000-of-00001.parquet", ["nice", "poor"], [1, 0], names)
    hub_file(shards / "unsupervised-00000-of-00001.parquet", ["who", "knows"], [-1, -1], names)
    texts, _, remarks = own_texts(tmp_path, LABELS, "domain")
    found = texts.sort_values("text")[["text", "label", "given"]].to_numpy().tolist()
    assert found == [
        ["bad", 0, "train"], ["good", 2, "train"], ["nice", 2, "test"], ["poor", 0, "test"], ["worse", 0, "train"]
    ]  # fmt: skip
    assert "2 texts without a label were left out." in remarks


@pytest.mark.parametrize("names", [["1 star", "2 star", "3 stars", "4 stars", "5 stars"], None])
def test_the_yelp_reviews_are_read_as_the_hub_has_them(names: list[str] | None, tmp_path: Path) -> None:
    for split in ("train", "test"):
        file = tmp_path / "yelp_review_full" / f"{split}-00000-of-00001.parquet"
        hub_file(file, [f"{split} {stars}" for stars in range(5)], list(range(5)), names)
    texts, _, _ = own_texts(tmp_path, LABELS, "domain")
    assert texts[texts.given == "test"].label.tolist() == [0, 0, 1, 2, 2]
    assert texts[texts.given == "train"].label.tolist() == [0, 0, 1, 2, 2]


def test_the_yelp_polarity_is_read_as_the_hub_has_it(tmp_path: Path) -> None:
    hub_file(tmp_path / "plain_text" / "train-00000-of-00001.parquet", ["bad", "good"], [0, 1], ["1", "2"])
    texts, _, _ = own_texts(tmp_path, LABELS, "domain")
    assert texts.label.tolist() == [0, 2]


def test_classes_that_the_readme_names_are_read_by_those_names(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\ndataset_info:\n  features:\n  - name: label\n    dtype:\n      class_label:\n        names:\n"
        "          '0': positive\n          '1': negative\n---\n# Reviews\n"
    )
    hub_file(tmp_path / "train.parquet", ["good", "bad"], [0, 1], None)
    write(tmp_path, ["1", "0"], "more-train.csv")
    texts, _, _ = own_texts(tmp_path, LABELS, "domain")
    assert sorted(texts.label.tolist()) == [0, 0, 2, 2]
    assert texts[texts.text == "good"].label.tolist() == [2]


def test_texts_without_any_label_are_refused(tmp_path: Path) -> None:
    hub_file(tmp_path / "unsupervised.parquet", ["who", "knows"], [-1, -1], None)
    with pytest.raises(TrainingError, match="no text has a label"):
        own_texts(tmp_path, LABELS, "domain")
