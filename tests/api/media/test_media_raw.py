import pytest

from app.api.media.raw import LOOKED_AT, is_file

PNG, JPEG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        pytest.param(PNG, "application/json", True, id="a picture that is called JSON"),
        pytest.param(JPEG, "", True, id="a picture that is called nothing"),
        pytest.param(b'{"inputs": ["x"]}', "image/png", False, id="JSON that is called a picture"),
        pytest.param(b'\xef\xbb\xbf \r\n{"inputs": []}', "application/octet-stream", False, id="JSON behind a mark"),
        pytest.param(b"--x\r\n\r\n\x89PNG\0", "multipart/form-data; boundary=x", False, id="a form with a file"),
        pytest.param(b"II*\0\x08\0", "text/plain", True, id="another kind of file, by its zeros"),
        pytest.param(b"\x93NUMPY", "text/plain", True, id="another kind of file, by its first byte"),
        pytest.param(b"BM6", "image/bmp", True, id="another kind of file, by its type"),
        pytest.param(b"[1, 2", "application/json", False, id="broken JSON"),
        pytest.param(b"", "application/json", False, id="nothing"),
        pytest.param(b" " * LOOKED_AT + b"\0", "", False, id="a zero far behind the start"),
    ],
)
def test_the_bytes_of_a_body_say_whether_it_is_a_file(body: bytes, content_type: str, expected: bool) -> None:
    assert is_file(body, content_type) is expected
