"""Read the files inside a Qt resource file (.rcc), in which some programs ship their pictures."""

import struct
from collections.abc import Iterator
from pathlib import Path

HEADER = struct.Struct(">4sIIII")  # magic, version, where the tree, the contents and the names begin
DIRECTORY = struct.Struct(">IHII")  # name, flags, number of children, first child
FILE = struct.Struct(">IHHHI")  # name, flags, country, language, content
NODE_SIZE = 22  # bytes of an entry of the tree, a DIRECTORY or a FILE, whose last eight are a date
NAME_HEAD = 6  # bytes before a name: its length, two, and its hash, four
SIZE = struct.Struct(">I")  # before the content of a file
COMPRESSED, IS_DIRECTORY = 0b101, 0b010  # flags: by zlib or zstd, a directory


def read_resources(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the files that are stored as they are, in the order of their contents.

    Compressed files are left out: what is worth a look, pictures, is compressed already. Raises ValueError if `path`
    is no resource file of format 2 or 3.
    """
    content = path.read_bytes()
    magic, version, tree, contents, names = HEADER.unpack_from(content)
    if magic != b"qres" or version not in (2, 3):
        raise ValueError(f"{path} is not a Qt resource file of format 2 or 3")

    def files(node: int, folder: str) -> Iterator[tuple[int, str]]:
        at = tree + node * NODE_SIZE
        name, flags, *where = DIRECTORY.unpack_from(content, at)
        (length,) = struct.unpack_from(">H", content, names + name)
        start = names + name + NAME_HEAD
        own = folder + (content[start : start + 2 * length].decode("utf-16-be") if node else "")
        if flags & IS_DIRECTORY:
            children, first = where
            for child in range(first, first + children):
                yield from files(child, f"{own}/")
        elif not flags & COMPRESSED:
            yield FILE.unpack_from(content, at)[4], own

    for offset, name in sorted(files(0, "")):
        (size,) = SIZE.unpack_from(content, contents + offset)
        start = contents + offset + SIZE.size
        yield name, content[start : start + size]
