"""python -m training.baselines <recipe>: measure what a recipe is compared with, and write the table."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from training.baselines.table import write_table

MEASURED = {
    "article-summarizer": "training.baselines.summaries",
    "one-line-summarizer": "training.baselines.chat_lines",
    "time-series-forecaster": "training.baselines.monthly_forecasts",
    "movielens-recommender": "training.baselines.next_films",
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training.baselines", description=__doc__)
    parser.add_argument("recipe", choices=MEASURED)
    parser.add_argument(
        "--workdir", type=Path, default=Path("build/baselines"), help="where half a measurement is kept"
    )
    chosen = parser.parse_args(arguments)
    workdir = chosen.workdir / chosen.recipe
    workdir.mkdir(parents=True, exist_ok=True)
    print(write_table(chosen.recipe, import_module(MEASURED[chosen.recipe]).measure(workdir)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
