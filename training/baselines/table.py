"""A table of measured baselines, and the guard against reading one that was measured on something else."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training.errors import TrainingError

FOLDER = Path(__file__).parent


class Table(BaseModel):
    """`figures`: for each baseline its value of each metric, on `split` of the data with this sha256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data_sha256: str
    split: str
    figures: dict[str, dict[str, float]]
    settings: dict[str, str]
    libraries: dict[str, str]

    def of(self, metric: str) -> dict[str, float]:
        """The value of each baseline that was measured by `metric`."""
        return {name: found[metric] for name, found in self.figures.items() if metric in found}


def kept_table(recipe: str, *, data_sha256: str, split: str, folder: Path = FOLDER) -> Table:
    """The committed table of a recipe. Raises TrainingError if it was measured on other data or another split."""
    table = Table.model_validate_json(path_of(recipe, folder).read_bytes())
    if (table.data_sha256, table.split) != (data_sha256, split):
        raise TrainingError(
            f"the baselines of {recipe} were measured on other data or another split; "
            f"measure them anew: python -m training.baselines {recipe}"
        )
    return table


def write_table(recipe: str, table: Table, folder: Path = FOLDER) -> Path:
    path = path_of(recipe, folder)
    path.write_text(table.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return path


def path_of(recipe: str, folder: Path) -> Path:
    return folder / f"{recipe}.json"


def libraries(*names: str) -> Mapping[str, str]:
    return {name: version(name) for name in names}
