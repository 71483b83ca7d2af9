import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.media.forms import MAX_PARTS, read_form
from app.errors import InvalidInput, PayloadTooLarge

TYPE = "multipart/form-data; boundary=x"


def part(content=b"1", head=b'Content-Disposition: form-data; name="top_k"'):
    return b"--x\r\n" + head + b"\r\n\r\n" + content + b"\r\n"


FILE = b'Content-Disposition: form-data; name="f"; filename="1.png"\r\nContent-Type: image/png'


@given(
    files=st.lists(st.binary(max_size=40), max_size=4),
    fields=st.dictionaries(st.text("abc", min_size=1), st.text(max_size=9), max_size=4),
)
def test_what_a_client_writes_is_read(files, fields):
    form = httpx.Request("POST", "http://x", files=[("f", ("ü.png", one)) for one in files] or {"f": b""}, data=fields)
    read = read_form(form.read(), form.headers["content-type"])
    assert read.files == (files or [b""])
    assert read.fields == fields


@pytest.mark.parametrize(
    ("body", "files", "fields"),
    [
        pytest.param(part(b"a\r\n--y", FILE) + b"--x--", [b"a\r\n--y"], {}, id="nothing after the end"),
        pytest.param(b"hello\r\n" + part() + b"--x--\r\nbye", [], {"top_k": "1"}, id="texts before and after"),
        pytest.param(part().replace(b"--x", b"--x \t") + b"--x--", [], {"top_k": "1"}, id="blanks after a boundary"),
        pytest.param(part(b"", FILE) + b"--x--", [b""], {}, id="an empty file"),
        pytest.param(part(head=b"A: b\r\ncontent-disposition:form-data;name=top_k") + b"--x--", [], {"top_k": "1"},
                     id="other headers, no quotes"),
        pytest.param(part(b"1") + part(b"2") + b"--x--", [], {"top_k": "2"}, id="a field twice"),
        pytest.param(b"--x--", [], {}, id="nothing"),
    ],
)  # fmt: skip
def test_forms_as_the_standard_allows_them_are_read(body, files, fields):
    assert read_form(body, TYPE) == (files, fields)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        pytest.param(part() + b"--y--", "closing boundary is missing", id="cut"),
        pytest.param(b"--x\r\n\r\n\r\n--x--", "headers do not end", id="no headers"),
        pytest.param(part(head=b"nonsense") + b"--x--", "no colon", id="no header"),
        pytest.param(part(head=b"A: b") + b"--x--", "no name", id="no disposition"),
        pytest.param(part(head=b"Content-Disposition: form-data") + b"--x--", "no name", id="no name"),
        pytest.param(b"--xyz\r\n" + part() + b"--x--", "something else on its line", id="another boundary"),
        pytest.param(b"y--x--", "does not begin with its boundary", id="before it"),
        pytest.param(part(b"\xff") + b"--x--", "not UTF-8", id="bytes in a field"),
        pytest.param(part(head=b'Content-Disposition: form-data; name="\xff"') + b"--x--", "not UTF-8", id="in a name"),
        pytest.param(part(head=b"A: " + b"b" * 5000) + b"--x--", "do not end within 4096 bytes", id="large headers"),
        pytest.param(part(b"1" * 1_000_001) + b"--x--", "has more than 1000000 bytes", id="a large field"),
        pytest.param(part(b"1" * 100_000) * 10 + b"--x--", "has more than 1000000 bytes", id="large fields together"),
    ],
)
def test_what_is_no_form_is_refused(body, says):
    with pytest.raises(InvalidInput, match=says):
        read_form(body, TYPE)


@pytest.mark.parametrize("charset", ["punycode", "idna", "utf-7", "latin-1", "undefined", "no-such-charset", "zlib"])
def test_a_charset_but_utf_8_is_refused_without_being_tried(charset):
    with pytest.raises(InvalidInput, match="charset"):
        read_form(part(b"a" * 900_000) + b"--x--", f"{TYPE}; charset={charset}")


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "US-ASCII"])
def test_the_charsets_of_forms_are_known(charset):
    assert read_form(part() + b"--x--", f"{TYPE}; charset={charset}").fields == {"top_k": "1"}


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", TYPE + ";" * 9000])
def test_a_form_without_a_boundary_is_refused(content_type):
    with pytest.raises(InvalidInput, match="Content-Type"):
        read_form(b"--x--", content_type)


def test_parts_are_counted():
    assert len(read_form(part(b"1", FILE) * MAX_PARTS + b"--x--", TYPE).files) == MAX_PARTS
    with pytest.raises(PayloadTooLarge, match="more than 1000 parts"):
        read_form(part(b"1", FILE) * (MAX_PARTS + 1) + b"--x--", TYPE)
