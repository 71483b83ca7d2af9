from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.data.table import LEAST_ROWS, SplitTable, load_table
from training.errors import TrainingError
from training.recipe import Run

Load = Callable[..., SplitTable]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(target: str = "y", *, tiny: bool = False, **columns: object) -> SplitTable:
        pd.DataFrame(columns).to_csv(tmp_path / "own.csv", index=False)
        return load_table(Run(tmp_path, source=str(tmp_path / "own.csv"), target=target, tiny=tiny))

    return load


N = np.arange(200)


def test_the_packaged_data_has_its_splits_and_classes(tmp_path: Path) -> None:
    table = load_table(Run(tmp_path))
    assert table.labels == ["benign", "malignant"]
    assert table.split.value_counts().to_dict() == {"train": 341, "validation": 114, "test": 114}
    for split in ("train", "validation", "test"):
        assert table.part(split)[1].mean() == pytest.approx(212 / 569, abs=0.01)
    assert not table.is_own


def test_the_same_seed_cuts_the_same_splits(tmp_path: Path) -> None:
    first, again, other = (load_table(Run(tmp_path, seed=seed)).split for seed in (1, 1, 2))
    assert first.equals(again)
    assert not first.equals(other)


def test_texts_are_classes_and_many_numbers_are_a_number(load: Load) -> None:
    classes = load(a=N * N, y=np.where(N % 2, "yes", "no"))
    assert classes.labels == ["no", "yes"]
    assert "Classes are told, since 'y' has 2 different texts" in " ".join(classes.remarks)
    numbers = load(a=N * N, y=N / 2)
    assert (numbers.labels, numbers.truth.dtype) == ([], np.float64)
    assert "A number is told, since 'y' has 200 different numbers" in " ".join(numbers.remarks)


def test_few_whole_numbers_are_classes_in_their_order(load: Load) -> None:
    assert load(a=N * N, y=N % 12).labels == [str(i) for i in range(12)]
    assert load(a=N * N, y=N % 12 / 2).labels == []


def test_numbers_stand_before_categories_as_in_the_graph(load: Load) -> None:
    table = load(c=np.where(N % 3, "p", "q"), a=N * N, y=np.where(N % 2, "yes", "no"))
    assert [column.name for column in table.columns] == ["c", "a"]
    assert list(table.fields) == ["a", "c"]


def test_a_few_rows_that_tell_nothing_are_left_out(load: Load) -> None:
    rare = load(a=N * N, y=np.where(N < 5, "odd", np.where(N % 2, "yes", "no")))
    assert rare.labels == ["no", "yes"]
    assert len(rare.truth) == 195
    strange = load(a=N * N, y=[*(N[:-2] / 2), "-", "-"])
    assert (strange.labels, len(strange.truth)) == ([], 198)


def test_a_given_test_is_kept(load: Load) -> None:
    table = load(a=N * N, split=np.where(N < 150, "train", "test"), y=np.where(N % 2, "yes", "no"))
    assert table.part("test")[0].a.tolist() == (N[150:] ** 2).tolist()
    assert (table.split == "validation").sum() == 40


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"a": N * N, "y": ["yes"] * 200}, "column 'y' is 'yes' in every row, so there is nothing to tell"),
        ({"a": [3, 1, 2], "y": ["yes", "no", "no"]}, f"has 3 rows, and at least {LEAST_ROWS} are needed"),
        ({"a": [5] * 200, "y": np.where(N % 2, "yes", "no")}, "has no column to learn from beside 'y'"),
        ({"a": N * N, "y": [f"text {i}" for i in N]}, "200 of 200 rows have a text in 'y' that is there fewer than 10"),
        (
            {"a": N * N, "split": np.where(N < 100, "train", "test"), "y": np.where(N < 100, "no", "yes")},
            "'yes' is in none of the rows that are to be learned from",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused_in_a_sentence(
    load: Load, columns: dict[str, object], words: str
) -> None:
    with pytest.raises(TrainingError, match=words) as refusal:
        load(**columns)
    assert "\n" not in str(refusal.value)


def test_own_data_needs_a_target(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="--source needs --target"):
        load_table(Run(tmp_path, source="own.csv"))
