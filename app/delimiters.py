"""The character between the fields of a line, in CSV files as spreadsheets write them."""

DELIMITERS = ",;\t|"


def delimiter_of(first_line: str) -> str:
    """Return the one of DELIMITERS that the line with the names of the columns has most often."""
    return max(DELIMITERS, key=first_line.count)
