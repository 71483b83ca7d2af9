from pathlib import Path

import numpy as np
import pytest

from training.data.monthly_series import Series
from training.data.own.series import own_series
from training.errors import TrainingError


def noise(seed: int, length: int = 80) -> list[float]:
    return np.random.default_rng(seed).normal(size=length).tolist()


def rows(name: str, values: list[float], first: int = 2015) -> list[str]:
    """A line for each month from January of the year `first` on."""
    return [f"{name},{first + number // 12}-{number % 12 + 1:02},{value!r}" for number, value in enumerate(values)]


def write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(["series,month,value", *lines, ""]), encoding="utf-8")


def values(series: list[Series]) -> dict[str, list[float]]:
    return {one.name: one.values.tolist() for one in series}


def test_months_are_put_in_order_whatever_files_they_come_from(tmp_path):
    lines = [*rows("b", noise(1)), *rows("a", noise(2, 72), first=1999)]
    write(tmp_path / "1.csv", lines[::-2])
    write(tmp_path / "2.csv", lines[-2::-2])
    series, files, _ = own_series(tmp_path)
    assert values(series) == {"a": noise(2, 72), "b": noise(1)}
    assert [file.name for file in files] == ["1.csv", "2.csv"]


def test_what_is_short_or_repeats_a_year_or_never_changes_is_left_out(tmp_path):
    until_the_test = [7.0] * 56 + noise(4, 24)
    lines = [
        *rows("a", noise(1)),
        *rows("copy", noise(9)[:40] + noise(1)[20:60]),
        *rows("nearly a copy", [value + 1e-9 for value in noise(1)]),
        *rows("short", noise(3, 71)),
        *rows("still", [7.0] * 80),
        *rows("still until the test", until_the_test),
    ]
    write(tmp_path / "a.csv", lines)
    series, _, [remark] = own_series(tmp_path)
    assert list(values(series)) == ["a", "nearly a copy"]
    assert remark.startswith("2 of 6 series are used; the others are shorter than 72 months")


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        pytest.param(
            ["a,2020-1,1", "a,2020-02,1", "a,03/2020,1"],
            r"a.csv, line 2: a month that is not YYYY-MM \('2020-1'\), and 1 more$",
            id="a month without its zero",
        ),
        pytest.param(["a,2020-13,1"], r"a.csv, line 2: a month that is not YYYY-MM \('2020-13'\)$", id="month 13"),
        pytest.param(["a,2020-01-01,1"], r"a.csv, line 2: a month that is not YYYY-MM", id="a day"),
        pytest.param(
            ["a,2020-01,1", "a,2020-02,n/a"],
            r"a.csv, line 3: a value that is not a finite number \('n/a'\)$",
            id="no number",
        ),
        pytest.param(["a,2020-01,"], r"line 2: a value that is not a finite number \(''\)$", id="no value"),
        pytest.param(["a,2020-01,nan"], r"line 2: a value that is not a finite number \('nan'\)$", id="nan"),
        pytest.param(["a,2020-01,1e999"], r"line 2: a value that is not a finite number \('1e999'\)$", id="infinite"),
        pytest.param(
            ['a,2020-01,"1,000"'], r"line 2: a value that is not a finite number \('1,000'\)$", id="a grouped number"
        ),
        pytest.param([",2020-01,1"], "line 2: no name of a series", id="no series"),
        pytest.param(
            ["a,2020-01,1", "b,2020-01,1", "a,2020-01,2"],
            r"a.csv, line 4: a month that its series has twice \('2020-01'\)$",
            id="a month twice",
        ),
        pytest.param(
            ["a,2020-02,1", "b,2020-01,1", "a,2019-12,1", "b,2020-03,1", "b,2020-02,1"],
            r"a.csv, line 2: the month before this one is missing from its series \('2020-01'\)$",
            id="a gap",
        ),
        pytest.param(
            ["a,2019-11,1", "a,2020-01,1"],
            r"a.csv, line 3: the month before this one is missing from its series \('2019-12'\)$",
            id="a gap at the end of a year",
        ),
        pytest.param(
            [*rows("a", noise(1, 30)), *rows("b", noise(2, 71))],
            r"no series to learn from: it takes 72 months, and the longest, 'b', has 71$",
            id="short",
        ),
        pytest.param(
            [*rows("a", noise(1, 30)), *rows("b", [3.0] * 72)],
            r"no series to learn from: those of 72 months or more repeat a year of another, or are the same every",
            id="still",
        ),
    ],
)
def test_what_is_wrong_is_named_with_its_place(lines, says, tmp_path):
    write(tmp_path / "a.csv", lines)
    with pytest.raises(TrainingError, match=says) as raised:
        own_series(tmp_path)
    assert str(tmp_path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_short_series_does_not_put_out_the_long_one_that_repeats_it(tmp_path):
    write(tmp_path / "a.csv", [*rows("a fragment", noise(1)[:30]), *rows("b", noise(1))])
    assert list(values(own_series(tmp_path)[0])) == ["b"]


def split(lines: list[str], name: str) -> list[str]:
    return [f"{line},{name}" for line in lines]


def write_split(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(["series,month,value,split", *lines, ""]), encoding="utf-8")


def test_the_last_months_that_are_given_as_the_test_are_tested_and_not_learned(tmp_path):
    for count, origins in ((12, (12,)), (18, (18,)), (21, (21, 18)), (24, (24, 21, 18)), (40, (24, 21, 18))):
        lines = rows("a", noise(1))
        write(tmp_path / "train.csv", [*rows("b", noise(2)), *lines[:-count]])
        write(tmp_path / "test.csv", lines[-count:])
        series, _, remarks = own_series(tmp_path)
        found = {one.name: one for one in series}
        assert found["a"].values.tolist() == noise(1)
        assert found["a"].learned.tolist() == noise(1)[:-count]
        assert found["a"].origins == origins
        assert found["b"].learned.tolist() == noise(2)
        assert found["b"].origins == ()
        assert remarks == ["The test split is as given."]


def test_series_that_are_given_as_the_test_are_tested_and_not_learned(tmp_path):
    lines = [*split(rows("a", noise(1)), "train"), *split(rows("b", noise(2, 50)), "test")]
    write_split(tmp_path / "a.csv", lines)
    series, _, _ = own_series(tmp_path)
    found = {one.name: (len(one.learned), one.origins) for one in series}
    assert found == {"a": (80, ()), "b": (0, (24, 21, 18))}


def test_months_that_are_given_as_the_validation_are_neither_learned_nor_tested(tmp_path):
    lines = rows("a", noise(1))
    write_split(tmp_path / "a.csv", split(lines[:60], "") + split(lines[60:70], "dev") + split(lines[70:], "test"))
    [series], _, _ = own_series(tmp_path)
    assert (len(series.learned), series.origins) == (60, (10,))


def test_what_repeats_the_test_is_taken_out_of_the_training(tmp_path):
    tested = rows("a", noise(1))
    copy_of_the_test = noise(3)[:50] + noise(1)[50:80]
    write(tmp_path / "train.csv", [*tested[:60], tested[70], *rows("b", copy_of_the_test), *rows("c", noise(4))])
    write(tmp_path / "test.csv", tested[60:])
    series, _, remarks = own_series(tmp_path)
    assert {one.name: len(one.learned) for one in series} == {"a": 60, "c": 80}
    assert remarks[1:3] == [
        "1 months were not learned from, since a split that judges has them as well.",
        "1 series were not learned from, since they repeat a year of another one's test.",
    ]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        pytest.param(split(rows("a", noise(1)), "test"), "has only a test split", id="only a test"),
        pytest.param(
            [*split(rows("a", noise(1)), "train"), *split(rows("b", noise(2, 40)), "test")],
            "no series that can be tested: it takes 24 months before those of the test",
            id="a short test",
        ),
        pytest.param(
            [*split(rows("a", noise(1))[:40], "test"), *split(rows("a", noise(1))[40:], "train")],
            r"line 42: a month to learn from after one that judges, which must be the last of its series \('2018-05'\)",
            id="the test in front",
        ),
        pytest.param(split(rows("a", noise(1)), "mine"), "line 2: a split other than train", id="no split"),
    ],
)  # fmt: skip
def test_splits_that_cannot_be_are_one_sentence(lines, says, tmp_path):
    write_split(tmp_path / "a.csv", lines)
    with pytest.raises(TrainingError, match=says):
        own_series(tmp_path)


def test_a_month_that_comes_twice_alike_is_one(tmp_path):
    write(tmp_path / "a.csv", [*rows("a", noise(1)), *rows("a", noise(1))[:9]])
    [series], _, _ = own_series(tmp_path)
    assert series.values.tolist() == noise(1)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param([*rows("wrong", noise(99)), "wrong,2015-03,1"], id="two values for a month"),
        pytest.param(rows("wrong", noise(99))[:30] + rows("wrong", noise(99))[31:], id="a gap"),
    ],
)
def test_few_series_that_contradict_themselves_are_left_out_and_many_refused(wrong, tmp_path):
    others = [line for number in range(19) for line in rows(f"s{number}", noise(number))]
    write(tmp_path / "a.csv", [*others, *wrong])
    series, _, remarks = own_series(tmp_path)
    assert values(series) == {f"s{number}": noise(number) for number in range(19)}
    assert remarks == ["1 series were left out, which have two values for a month or lack one between."]
    write(tmp_path / "a.csv", [*others[80:], *wrong])
    with pytest.raises(TrainingError, match=r"a.csv, line \d+: "):
        own_series(tmp_path)
