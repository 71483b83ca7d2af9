from pathlib import Path

import pytest

from training.baselines.table import FOLDER, Table, kept_table, write_table
from training.errors import TrainingError

TABLE = Table(
    data_sha256="5" * 64,
    split="the last",
    figures={"popularity": {"hr@10": 0.1}, "ALS": {"hr@10": 0.2, "ndcg@10": 0.05}},
    settings={},
    libraries={},
)


def test_a_written_table_is_read_as_it_was(tmp_path: Path) -> None:
    write_table("films", TABLE, tmp_path)
    assert kept_table("films", data_sha256="5" * 64, split="the last", folder=tmp_path) == TABLE


@pytest.mark.parametrize(
    ("data", "split"), [("6" * 64, "the last"), ("5" * 64, "the first")], ids=["other data", "another split"]
)
def test_a_table_of_something_else_is_refused_with_the_command_that_measures_anew(
    tmp_path: Path, data: str, split: str
) -> None:
    write_table("films", TABLE, tmp_path)
    with pytest.raises(TrainingError, match=r"python -m training\.baselines films"):
        kept_table("films", data_sha256=data, split=split, folder=tmp_path)


def test_a_metric_has_the_value_of_every_baseline_that_was_measured_by_it() -> None:
    assert TABLE.of("hr@10") == {"popularity": 0.1, "ALS": 0.2}
    assert TABLE.of("ndcg@10") == {"ALS": 0.05}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_committed_table_is_of_the_data_that_the_recipe_reads(path: Path) -> None:
    table = Table.model_validate_json(path.read_bytes())
    assert table.figures
    assert table.settings.keys() <= table.figures.keys()
