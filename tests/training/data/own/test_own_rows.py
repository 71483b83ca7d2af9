from pathlib import Path

import pandas as pd
import pytest

from training.data.own.rows import own_rows
from training.errors import TrainingError


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def lines(count: int, first: int = 0) -> str:
    return "".join(f"{i},{'yes' if i % 3 else 'no'}\n" for i in range(first, first + count))


def test_fields_are_text_without_white_space_and_empty_if_nothing_is_known(tmp_path: Path) -> None:
    rows = own_rows(write(tmp_path / "a.csv", "n , left\n 1 ,yes\nN/A,no\n?,no\nNaN,yes\n"), "left")
    assert rows.fields.n.tolist() == ["1", "", "", ""]
    assert rows.target.tolist() == ["yes", "no", "no", "yes"]
    assert rows.source.name == "a.csv"
    assert len(rows.source.sha256) == 64


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pd.DataFrame({"n": [1, None, 3], "left": ["yes", "no", "no"]}).to_parquet(path)
    assert own_rows(str(path), "left").fields.n.tolist() == ["1.0", "", "3.0"]


def test_a_column_that_is_not_there_is_refused_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no column 'Left' to tell; did you mean \"left\""):
        own_rows(write(tmp_path / "a.csv", f"n,left\n{lines(9)}"), "Left")


@pytest.mark.parametrize("names", ["n;n;left", '"n";" n";left', "left;n;left"])
def test_two_columns_of_a_name_are_refused_and_not_numbered(names: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"a\.csv has two columns '(n|left)'"):
        own_rows(write(tmp_path / "a.csv", f"{names}\n1;2;yes\n2;3;no\n"), "left")


def test_rows_without_a_target_are_left_out_if_they_are_few(tmp_path: Path) -> None:
    rows = own_rows(write(tmp_path / "a.csv", f"n,left\n{lines(99)}99,\n"), "left")
    assert len(rows.target) == 99
    assert rows.remarks == ["1 rows without a value in the column to tell were left out."]


def test_many_rows_without_a_target_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="2 of 11 rows have nothing in the column 'left'"):
        own_rows(write(tmp_path / "a.csv", f"n,left\n{lines(9)}9,\n10,NA\n"), "left")


def test_few_copies_of_a_row_are_left_out_and_many_are_told(tmp_path: Path) -> None:
    few = own_rows(write(tmp_path / "few.csv", f"n,left\n{lines(99)}0,no\n"), "left")
    assert (len(few.target), few.remarks) == (99, ["1 rows that are copies of another one were left out."])
    many = own_rows(write(tmp_path / "many.csv", f"n,left\n{lines(9) * 2}"), "left")
    assert len(many.target) == 18
    assert "9 of 18 rows are copies of another" in many.remarks[0]


def test_a_given_test_keeps_its_copies_and_training_loses_them(tmp_path: Path) -> None:
    write(tmp_path / "folder" / "train.csv", f"n,left\n{lines(98)}")
    write(tmp_path / "folder" / "test.csv", f"n,left\n{lines(1)}200,no\n200,no\n")
    rows = own_rows(str(tmp_path / "folder"), "left")
    assert rows.fields.n[rows.given == "test"].tolist() == ["0", "200", "200"]
    assert "0" not in rows.fields.n[rows.given == "train"].tolist()


def test_given_splits_are_kept_by_files_and_by_a_column(tmp_path: Path) -> None:
    write(tmp_path / "folder" / "train.csv", f"n,left\n{lines(9)}")
    write(tmp_path / "folder" / "test.csv", f"n,left\n{lines(3, 9)}")
    by_file = own_rows(str(tmp_path / "folder"), "left")
    assert by_file.given[by_file.given == "test"].index.tolist() == [
        i for i, n in enumerate(by_file.fields.n) if int(n) >= 9
    ]
    by_column = own_rows(write(tmp_path / "a.csv", "n,left,split\n1,yes,train\n2,no,val\n3,no,test\n"), "left")
    assert by_column.given.tolist() == ["train", "validation", "test"]
    assert list(by_column.fields) == ["n"]


def test_a_column_named_split_that_names_none_is_a_column(tmp_path: Path) -> None:
    rows = own_rows(write(tmp_path / "a.csv", "n,left,split\n1,yes,pea\n2,no,lentil\n"), "left")
    assert list(rows.fields) == ["n", "split"]
    assert set(rows.given) == {""}


def test_one_file_is_all_of_the_data_whatever_its_name(tmp_path: Path) -> None:
    assert set(own_rows(write(tmp_path / "test.csv", f"n,left\n{lines(9)}"), "left").given) == {""}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.xlsx", "", "is none of"),
        ("a.csv", "", "cannot be read as CSV"),
        ("a.csv", "n,left\n", "has no rows"),
        ("a.csv", "n,n ,left\n1,2,3\n", "two columns 'n'"),
        ("a.csv", "n,left\n1,2,3\n", "cannot be read as CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(TrainingError, match=words) as refusal:
        own_rows(write(tmp_path / name, text), "left")
    assert "\n" not in str(refusal.value)


def test_files_of_one_table_have_the_same_columns(tmp_path: Path) -> None:
    write(tmp_path / "one.csv", f"n,left\n{lines(3)}")
    write(tmp_path / "two.csv", f"m,left\n{lines(3)}")
    with pytest.raises(TrainingError, match="have different columns: m, n"):
        own_rows(str(tmp_path), "left")
