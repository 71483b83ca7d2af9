from pathlib import Path

import pandas as pd
import pytest

from training.data.own.splits import also_judged, completed, resolved, split_named, split_of_file


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("Training", "train"), ("trainset", "train"), ("reviews_train_v2", "train"),
        ("train-00000-of-00002", "train"), ("trn", "train"), ("reviewsTrain", "train"), ("train-data", "train"),
        ("test", "test"), ("TEST", "test"), ("test2", "test"), ("imdb.test", "test"), ("testset", "test"),
        ("hold-out", "test"), ("held_out", "test"), ("tst", "test"), ("dev-test", "test"),
        ("val", "validation"), ("valid", "validation"), ("validation", "validation"), ("dev", "validation"),
        ("devset", "validation"), ("development", "validation"),
        ("eval", "evaluation"), ("evaluation", "evaluation"),
        ("train_test_split", ""), ("trainval", ""), ("train-dev", ""),
        ("reviews", ""), ("testimonials", ""), ("trainers", ""), ("latest", ""), ("contest", ""), ("devices", ""),
        ("unsupervised", ""), ("", ""), ("2024", ""),
    ],
)  # fmt: skip
def test_a_name_says_which_split_it_is(name: str, split: str) -> None:
    assert split_named(name) == split


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("train.csv", "train"),
        ("test/reviews.csv", "test"),
        ("test/2024/reviews.csv", "test"),
        ("plain_text/test-00000-of-00001.parquet", "test"),
        ("test/train.csv", "train"),
        ("shoes/reviews.csv", ""),
    ],
)
def test_a_file_is_of_the_split_of_its_name_or_else_of_its_folder(path: str, split: str) -> None:
    assert split_of_file(Path("/test/own", path), Path("/test/own")) == split


def test_an_evaluation_is_the_test_unless_there_is_one() -> None:
    assert resolved(pd.Series(["train", "evaluation"])).tolist() == ["train", "test"]
    assert resolved(pd.Series(["test", "evaluation"])).tolist() == ["test", "validation"]


def test_only_a_split_that_nobody_gives_is_cut() -> None:
    keys = pd.Series(["test", "validation", "train", "test", "test"])
    for given, expected in (
        (["", "", "", "", ""], ["test", "validation", "train", "test", "test"]),
        (["train"] * 5, ["test", "validation", "train", "test", "test"]),
        (["train", "train", "", "", "test"], ["train", "validation", "train", "train", "test"]),
        (["train", "validation", "", "test", "test"], ["train", "validation", "train", "test", "test"]),
        (["train", "validation", "train", "train", "train"], ["test", "validation", "train", "test", "test"]),
    ):
        assert completed(pd.Series(given), keys, lambda key: key).tolist() == expected  # type: ignore[arg-type, return-value]


def test_what_judges_has_no_copy_in_what_is_judged_by_it() -> None:
    key = pd.Series(["a", "b", "a", "a", "c", "c"])
    split = pd.Series(["train", "train", "validation", "test", "train", "validation"])
    assert also_judged(split, key).tolist() == [True, False, True, False, True, False]
