"""No file is long unless it says why in its first lines."""

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = 300  # lines
FIRST = 10


def test_a_long_file_says_why() -> None:
    files = [path for folder in ("app", "training", "benchmarks", "tests") for path in (ROOT / folder).rglob("*.py")]
    assert files
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        is_explained = any(line.startswith("Long, since") for line in lines[:FIRST])
        assert len(lines) <= PAGES or is_explained, f"{path.relative_to(ROOT)} has {len(lines)} lines"


def test_no_two_modules_of_tests_share_a_name() -> None:
    """Pytest imports them by their bare names, and collects the second one not at all."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("*.py"))
    assert [name for name, number in names.items() if number > 1] == []
