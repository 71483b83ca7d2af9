import struct
import zlib
from pathlib import Path

import pytest

from training.data.fetch.qt import read_resources

STORED = {"one.webp": b"a picture", "two.webp": b"another"}


def resource_file(path: Path, version: int = 3) -> Path:
    """/pictures/one.webp and /pictures/two.webp as they are, and /pictures/text compressed, as Qt's rcc writes them."""
    names, offsets = b"", {}
    for name in ("pictures", *STORED, "text"):
        offsets[name] = len(names)
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
    contents, places = b"", {}
    for name, content in {"two.webp": STORED["two.webp"], "one.webp": STORED["one.webp"]}.items():
        places[name] = len(contents)
        contents += struct.pack(">I", len(content)) + content
    places["text"] = len(contents)
    packed = struct.pack(">I", 4) + zlib.compress(b"text")
    contents += struct.pack(">I", len(packed)) + packed
    tree = struct.pack(">IHII", 0, 2, 1, 1) + bytes(8)
    tree += struct.pack(">IHII", offsets["pictures"], 2, 3, 2) + bytes(8)
    for name in (*STORED, "text"):
        tree += struct.pack(">IHHHI", offsets[name], int(name == "text"), 0, 0, places[name]) + bytes(8)
    header = struct.pack(">4sIIIII", b"qres", version, 24, 24 + len(tree), 24 + len(tree) + len(contents), 0)
    path.write_bytes(header + tree + contents + names)
    return path


@pytest.mark.parametrize("version", [2, 3])
def test_files_come_with_their_names_in_the_order_of_their_contents(tmp_path: Path, version: int) -> None:
    found = list(read_resources(resource_file(tmp_path / "x.rcc", version)))
    assert found == [("/pictures/two.webp", b"another"), ("/pictures/one.webp", b"a picture")]


@pytest.mark.parametrize("content", [b"PK\x03\x04" + bytes(40), b"qres" + struct.pack(">IIII", 1, 24, 24, 24)])
def test_what_is_no_resource_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.rcc").write_bytes(content)
    with pytest.raises(ValueError, match="not a Qt resource file of format 2 or 3"):
        list(read_resources(tmp_path / "x.rcc"))
