import pytest

from app.api.media.csv_lines import MOST_FIELDS, read_lines, written_lines
from app.errors import InvalidInput, PayloadTooLarge


def test_fields_have_the_names_of_the_first_line() -> None:
    assert read_lines(b'a,b\n1,"x, ""y""\nz"\n', 8) == [{"a": "1", "b": 'x, "y"\nz'}]


def test_what_was_written_is_read_again() -> None:
    lines = [["a", "b"], [1.5, 'say "no"'], [None, "ü,\n"]]
    read = read_lines(written_lines(lines).encode(), 8)
    assert read == [{"a": "1.5", "b": 'say "no"'}, {"a": "", "b": "ü,\n"}]


def test_empty_lines_are_no_items_and_a_mark_before_the_first_is_no_name() -> None:
    assert read_lines(b"\xef\xbb\xbfa\r\n\r\n1\r\n", 8) == [{"a": "1"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_file_is_read_as_training_reads_it(delimiter: str) -> None:
    body = f'a {delimiter} b\n1{delimiter}"x;y|z,"\n{delimiter}\n'.encode()
    assert read_lines(body, 8) == [{"a": "1", "b": "x;y|z,"}]
    with pytest.raises(PayloadTooLarge, match="fields"):
        read_lines(b"a" + delimiter.encode() * (MOST_FIELDS + 1), 8)


def test_a_file_of_endless_fields_is_refused_before_it_is_read() -> None:
    with pytest.raises(PayloadTooLarge, match="fields"):
        read_lines(b"a\n" + b"," * (MOST_FIELDS + 1), 8)


def test_a_field_that_is_too_long_is_refused() -> None:
    with pytest.raises(InvalidInput, match="line 2 is not CSV: field larger than field limit"):
        read_lines(b"a\n" + b"x" * 200_000, 8)
