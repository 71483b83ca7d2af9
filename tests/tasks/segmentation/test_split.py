"""Where sentences end, by a table of cases for each family of languages: "‖" stands between sentences."""

from pathlib import Path

import pytest

from app.tasks.segmentation.split import split

CASES = [
    pytest.param(line, id=f"{file.stem}-{number}")
    for file in sorted((Path(__file__).parent / "cases").glob("*.txt"))
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("case", CASES)
def test_sentences_end_where_a_reader_of_the_language_says(case: str) -> None:
    parts = case.replace(" ‖ ", " ‖").split("‖")
    text = "".join(parts)
    assert [text[start:end].strip() for start, end in split(text)] == [part.strip() for part in parts]
