import pytest

from app.api.media.form_stream import FormStream
from app.errors import InvalidInput, PayloadTooLarge

TYPE = "multipart/form-data; boundary=b"
HEAD = b'Content-Disposition: form-data; name="%b"%b\r\n\r\n'


def form(*parts):
    return (
        b"".join(b"--b\r\n" + HEAD % (name, more) + content + b"\r\n" for name, more, content in parts) + b"--b--\r\n"
    )


def read(content, size):
    written = bytearray()
    stream = FormStream(TYPE, written.extend)
    for start in range(0, len(content), size):
        stream.feed(content[start : start + size])
    stream.end()
    return stream, bytes(written)


CONTENT = b"\r\n--a\r\n--\r\n-" + b"\r\n" * 50 + b"x--b--"
WHOLE = form((b"model", b"", b"m"), (b"file", b'; filename="a.csv"', CONTENT), (b"top", b"", b""))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
def test_a_form_is_the_same_in_pieces_of_any_size(size):
    stream, written = read(WHOLE, size)
    assert written == CONTENT
    assert (stream.fields, stream.file_name) == ({"model": "m", "top": ""}, "a.csv")


@pytest.mark.parametrize("end", range(0, len(WHOLE) - 4, 9))
def test_a_form_that_is_cut_anywhere_is_told(end):
    with pytest.raises(InvalidInput, match="closing boundary is missing"):
        read(WHOLE[:end], 10_000)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"nonsense" * 10, "does not begin with its boundary"),
        (b"--b nonsense\r\n", "a boundary is followed by something else on its line"),
        (b"--b" + b" " * 10_000, "a boundary is followed by something else on its line"),
        (b"--b\r\n" + b"x" * 10_000, "headers do not end within 4096 bytes"),
        (form((b"file", b"", b"1"), (b"other", b'; filename="x"', b"2")), "the form has two files; send one"),
        (form((b"field", b"", b"x" * 1_000_001)), "beside its files has more than 1000000 bytes"),
        (form(*[(b"%d" % i, b"", b"x" * 100_000) for i in range(10)]), "beside its files has more than 1000000 bytes"),
        (form(*[(b"x" * 4000, b"", b"") for i in range(250)]), "beside its files has more than 1000000 bytes"),
        (form((b"field", b"", b"\xff")), "must be Unicode"),
    ],
)
def test_what_is_no_form_is_told(content, says):
    with pytest.raises(InvalidInput, match=says):
        read(content, 5000)


def test_a_form_of_very_many_parts_is_refused():
    with pytest.raises(PayloadTooLarge, match="the form has more than 1000 parts"):
        read(form(*[(b"x", b"", b"")] * 1001), 10_000)
