"""Print the tables of docs/scale.md, or write them there.

python -m benchmarks.on_paper [--write]
"""

import argparse
import re
from pathlib import Path

from benchmarks.on_paper import many_cores
from benchmarks.on_paper.measured import kinds
from benchmarks.on_paper.tables import balancing, bursts, deaths, sizes

PAGE = Path(__file__).parents[2] / "docs" / "scale.md"


def tables() -> dict[str, str]:
    """Each table, by the name that marks its place on the page."""
    texts = kinds()[0]
    return {
        "sizes": sizes(),
        "balancing": balancing(texts),
        "deaths": deaths(texts),
        "bursts": bursts(texts.work),
        **many_cores.tables(),
    }


def replaced(page: str, name: str, content: str) -> str:
    """`page` with the table between `<!-- name -->` and `<!-- end -->` replaced. Raises ValueError if there is none."""
    place = re.compile(rf"(<!-- {name} -->\n)(?:.*?\n)??(<!-- end -->)", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page has no place for {name}")
    return place.sub(lambda found: f"{found[1]}{content}\n{found[2]}", page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"into {PAGE.name}")
    if not parser.parse_args().write:
        return print("\n\n".join(tables().values()))
    page = PAGE.read_text(encoding="utf-8")
    for name, content in tables().items():
        page = replaced(page, name, content)
    PAGE.write_text(page, encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
