from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from training.data import sentiment_texts as english
from training.data.own.texts import own_texts
from training.errors import TrainingError
from training.recipe import Run
from training.recipes import reviews_sentiment_zh

LABELS = ("negative", "positive")
Rows = list[tuple[str, str]]


def made_up(seed: int, count: int) -> Rows:
    """Texts of letters drawn by chance, none like another."""
    random = np.random.default_rng(seed)
    words = ["".join(map(chr, random.integers(ord("a"), ord("z"), 12))) for _ in range(3 * count)]
    return [(f"好 {' '.join(words[3 * number :][:3])}", LABELS[number % 2]) for number in range(count)]


TRAIN, TEST = made_up(1, 240), made_up(2, 60)


def csv(path: Path, rows: Rows, split: str | None = None) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    head = ["text,label,split"] if split else ["text,label"]
    path.write_text("\n".join(head + [",".join((*row, split) if split else row) for row in rows]), encoding="utf-8")


def parquet(path: Path, rows: Rows) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    text, label = zip(*rows, strict=True)
    pyarrow.parquet.write_table(pyarrow.table({"text": text, "label": label}), path)


def one_table(folder: Path, train: Rows, test: Rows) -> None:
    rows = [[*row, "train"] for row in train] + [[*row, "Test"] for row in test]
    (folder / "all.csv").write_text("\n".join(["text,label,split", *map(",".join, rows)]), encoding="utf-8")


def stated(folder: Path, train: Rows, test: Rows) -> None:
    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files:\n  - split: train\n    path: some/*.csv\n"
        "  - split: test\n    path:\n    - gold.csv\n---\n"
    )
    csv(folder / "some" / "a.csv", train)
    csv(folder / "gold.csv", test)


def files(train_name: str, test_name: str, write: Callable[[Path, Rows], None] = csv) -> Callable[..., None]:
    def layout(folder: Path, train: Rows, test: Rows) -> None:
        write(folder / train_name, train)
        write(folder / test_name, test)

    return layout


LAYOUTS = [
    pytest.param(files("train.csv", "test.csv"), id="files"),
    pytest.param(files("reviews.csv", "reviews_TEST.csv"), id="only the test is named"),
    pytest.param(files("training.csv", "eval.csv"), id="an evaluation"),
    pytest.param(files("train/a.csv", "test/a.csv"), id="folders"),
    pytest.param(files("2024/train/a.csv", "2024/test/shoes/a.csv"), id="folders in folders"),
    pytest.param(files("data/train-00000-of-00001.parquet", "data/test-00000-of-00001.parquet", parquet), id="shards"),
    pytest.param(one_table, id="a column"),
    pytest.param(stated, id="the README of a dataset"),
]


def load(recipe: str, folder: Path) -> tuple[set[str], set[str], list[str], list[str]]:
    """Texts of the three splits, and the remarks."""
    run = Run(folder, source=str(folder))
    found = english.load_texts(run) if recipe == "english" else reviews_sentiment_zh.load_texts(run)
    return set(found.train.text), set(found.validation.text), found.test.text.tolist(), list(found.remarks)


@pytest.mark.parametrize("recipe", ["english", "chinese"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_test_split_that_is_given_is_the_test_and_nothing_of_it_is_learned(
    layout: Callable[..., None], recipe: str, tmp_path: Path
) -> None:
    layout(tmp_path, TRAIN, TEST)
    train, validation, test, remarks = load(recipe, tmp_path)
    assert sorted(test) == sorted(text for text, _ in TEST)
    assert train | validation == {text for text, _ in TRAIN}
    assert 5 <= len(validation) < 60
    assert not train & validation
    assert "The test split is as given." in remarks


@pytest.mark.parametrize("recipe", ["english", "chinese"])
@pytest.mark.parametrize("name", ["valid", "dev", "val", "validation"])
def test_a_validation_split_that_is_given_is_kept_and_a_test_is_cut_from_the_training(
    name: str, recipe: str, tmp_path: Path
) -> None:
    csv(tmp_path / "train.csv", TRAIN)
    csv(tmp_path / f"{name}.csv", TEST)
    train, validation, test, _ = load(recipe, tmp_path)
    assert validation == {text for text, _ in TEST}
    assert train | set(test) == {text for text, _ in TRAIN}
    assert 10 <= len(test) < 100


@pytest.mark.parametrize("recipe", ["english", "chinese"])
def test_copies_are_taken_out_of_the_training_and_never_out_of_the_test(recipe: str, tmp_path: Path) -> None:
    copies = [(text.upper() + "!!", label) for text, label in TEST[:5]]
    csv(tmp_path / "train.csv", [*TRAIN, *copies, (TEST[5][0], "negative")])
    csv(tmp_path / "test.csv", [*TEST, TEST[0], (TEST[1][0], "negative")])
    train, validation, test, remarks = load(recipe, tmp_path)
    assert len(test) == len(TEST) + 2
    assert train | validation == {text for text, _ in TRAIN}
    assert "6 texts were not learned from, since a split that judges has them as well." in remarks


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("test.csv", "has only a test split, and nothing to learn from"),
        ("test/all.csv", "has only a test split, and nothing to learn from"),
        ("dev.csv", "has only a validation split, and nothing to learn from"),
    ],
)
@pytest.mark.parametrize("recipe", ["english", "chinese"])
def test_a_source_with_nothing_to_learn_from_is_one_sentence(recipe: str, name: str, says: str, tmp_path: Path) -> None:
    csv(tmp_path / name, TEST)
    with pytest.raises(TrainingError, match=says) as raised:
        load(recipe, tmp_path)
    assert "\n" not in str(raised.value)


def test_a_column_of_splits_goes_before_the_name_of_the_file(tmp_path: Path) -> None:
    csv(tmp_path / "train.csv", TRAIN, split="train")
    csv(tmp_path / "more_train.csv", TEST, split="dev")
    texts, _, _ = own_texts(tmp_path, LABELS, "kind")
    assert texts.given.value_counts().to_dict() == {"train": 240, "validation": 60}


def test_a_split_that_is_none_is_named_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label,split\nfine,positive,train\nso so,negative,seventh\n")
    with pytest.raises(
        TrainingError, match=r"a.csv, line 3: a split other than train, validation, test \('seventh'\)$"
    ):
        own_texts(tmp_path, LABELS, "kind")


def test_few_texts_with_two_labels_are_left_out_and_many_refused(tmp_path: Path) -> None:
    rows = [*TRAIN, *((text, "positive") for text, label in TRAIN[:20] if label == "negative")]
    csv(tmp_path / "a.csv", rows)
    texts, _, remarks = own_texts(tmp_path, LABELS, "kind")
    assert len(texts) == 230
    assert "10 texts that came with two labels were left out." in remarks
    csv(tmp_path / "a.csv", [*TRAIN, *((text, "positive") for text, label in TRAIN[:60] if label == "negative")])
    with pytest.raises(TrainingError, match=r"line 242: a text that has another label before .* and 29 more"):
        own_texts(tmp_path, LABELS, "kind")


def test_few_texts_that_nobody_can_read_are_left_out_and_many_refused(tmp_path: Path) -> None:
    csv(tmp_path / "a.csv", [*TRAIN, *((text, "positive") for text in ("", "\u200b", "\ufffd", "\ue000 \ufe0f"))])
    texts, _, remarks = own_texts(tmp_path, LABELS, "kind")
    assert len(texts) == 240
    assert "4 empty texts were left out." in remarks
    csv(tmp_path / "a.csv", [*TRAIN[:40], *[("\u200b", "positive")] * 3])
    with pytest.raises(TrainingError, match=r"a.csv, line 42: an empty text .* and 2 more"):
        own_texts(tmp_path, LABELS, "kind")
