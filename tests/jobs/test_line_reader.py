from app.jobs.line_reader import InputLine, LineReader


def read(path, content, most_bytes=10, passed=0):
    path.write_bytes(content)
    with LineReader(path, most_bytes, passed) as reader:
        reader.pass_by()
        return list(reader)


def test_blank_lines_count_and_are_left_out(tmp_path):
    content = b"\xef\xbb\xbfone\r\n\n  \ntwo\nlast"
    assert read(tmp_path / "f", content) == [InputLine(1, b"one"), InputLine(4, b"two"), InputLine(5, b"last")]
    assert read(tmp_path / "f", content, passed=4) == [InputLine(5, b"last")]
    assert read(tmp_path / "f", b"") == []


def test_a_line_that_is_too_long_is_told_and_passed_by(tmp_path):
    content = b"0123456789\n" + b"x" * 5_000_000 + b"\nnext\n" + b"y" * 11
    assert read(tmp_path / "f", content) == [
        InputLine(1, b"0123456789"), InputLine(2, None), InputLine(3, b"next"), InputLine(4, None)
    ]  # fmt: skip


def test_lines_are_taken_by_number_and_by_bytes(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"one\n\ntwo\nthree\nfour\n")
    with LineReader(path, 100) as reader:
        assert [line.number for line in reader.take(2, 100)] == [1]
        assert [line.number for line in reader.take(100, 5)] == [3, 4]
        assert not reader.is_at_end
        assert [line.number for line in reader.take(100, 100)] == [5]
        assert reader.is_at_end
