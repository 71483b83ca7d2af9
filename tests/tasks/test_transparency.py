"""Every kind of PNG whose header calls a colour, or part of a palette, transparent; and the formats that have alpha."""

import struct
import zlib
from io import BytesIO
from itertools import product
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.tasks.images import read_square

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
SIDE = 16


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(
    depth: int, colour: int, left: Any, right: Any, transparent: bytes | None = None, palette: bytes = b""
) -> bytes:
    """A picture of two halves; `left` and `right` are samples of `depth` bits."""
    row = [sample for half in (left, right) for _ in range(SIDE // 2) for sample in half]
    bits = "".join(f"{sample:0{depth}b}" for sample in row)
    packed = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, depth, colour, 0, 0, 0)),
            chunk(b"PLTE", palette) if palette else b"",
            b"" if transparent is None else chunk(b"tRNS", transparent),
            chunk(b"IDAT", zlib.compress((b"\0" + packed) * SIDE)),
            chunk(b"IEND", b""),
        ]
    )


def halves(content: bytes) -> list[list[int]]:
    square = read_square(content, SIDE, 0)
    return [square[SIDE // 2, column].tolist() for column in (0, SIDE - 1)]


def eight_bits(sample: int, depth: int) -> int:
    return sample >> 8 if depth == 16 else sample * 255 // (2**depth - 1)


@pytest.mark.parametrize(
    ("depth", "key"), [(depth, key) for depth in (1, 2, 4, 8, 16) for key in {0, 1, 2**depth // 3, 2**depth - 1}]
)
def test_a_transparent_grey_becomes_white_and_its_neighbour_stays(depth: int, key: int) -> None:
    other = key ^ 1  # of 16 bits it differs from the key in the lower byte alone
    content = png(depth, GREY, [key], [other], struct.pack(">H", key))
    assert halves(content) == [[255] * 3, [eight_bits(other, depth)] * 3]


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("key", [(0, 0, 0), (1, 2, 3), (255, 128, 7), (0x0505, 0x1234, 0xFEFF)], ids=str)
def test_a_transparent_colour_becomes_white_and_its_neighbour_stays(depth: int, key: tuple[int, int, int]) -> None:
    key = tuple(sample % 2**depth for sample in key)  # type: ignore[assignment]
    other = (*key[:2], key[2] ^ 1)
    content = png(depth, RGB, key, other, struct.pack(">HHH", *key))
    assert halves(content) == [[255] * 3, [eight_bits(sample, depth) for sample in other]]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_entries_of_a_palette_are_as_transparent_as_they_say(depth: int) -> None:
    palette = bytes([0, 90, 180, 30, 60, 120])
    assert halves(png(depth, PALETTE, [0], [1], b"\x00", palette)) == [[255] * 3, [30, 60, 120]]
    half, last = halves(png(depth, PALETTE, [0], [1], b"\x80\x00", palette))
    assert np.allclose(half, [127, 172, 217], atol=1)
    assert last == [255] * 3


@pytest.mark.parametrize(("depth", "colour"), list(product([8, 16], [GREY_ALPHA, RGB_ALPHA])))
def test_an_alpha_channel_of_any_depth_is_laid_on_white(depth: int, colour: int) -> None:
    top = 2**depth - 1
    black = [0] * (1 if colour == GREY_ALPHA else 3)
    assert halves(png(depth, colour, [*black, 0], [*black, top])) == [[255] * 3, [0] * 3]
    (half, _) = halves(png(depth, colour, [*black, top // 2], [*black, top]))
    assert np.allclose(half, 128, atol=1)


@pytest.mark.parametrize(
    ("depth", "colour", "samples"),
    [(8, GREY, [7]), (4, GREY, [7]), (16, GREY, [7]), (8, RGB, [7, 7, 7]), (16, RGB, [7, 7, 7])],
)
def test_a_transparent_colour_that_is_nowhere_changes_nothing(depth: int, colour: int, samples: list[int]) -> None:
    absent = struct.pack(f">{len(samples)}H", *[65_535] * len(samples))
    assert halves(png(depth, colour, samples, samples, absent)) == halves(png(depth, colour, samples, samples))


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


CLEAR = Image.new("RGBA", (SIDE, SIDE), (200, 10, 10, 0))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(encoded(CLEAR, "WEBP", lossless=True), id="lossless WebP"),
        pytest.param(encoded(CLEAR, "WEBP", lossless=False), id="lossy WebP"),
        pytest.param(encoded(CLEAR, "WEBP", save_all=True, append_images=[CLEAR.rotate(90)]), id="animated WebP"),
        pytest.param(encoded(CLEAR, "GIF"), id="GIF"),
        pytest.param(encoded(Image.new("L", (SIDE, SIDE), 40), "GIF", transparency=40), id="grey GIF"),
    ],
)
def test_formats_with_alpha_are_laid_on_white(content: bytes) -> None:
    assert halves(content) == [[255] * 3] * 2
