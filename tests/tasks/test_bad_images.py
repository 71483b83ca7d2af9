"""Pictures that are damaged, too large, or made to hurt."""

import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pictures import PHOTO, chunk, encoded, png_header
from PIL import Image

from app.errors import InvalidInput
from app.tasks.images import read_square

SMALL = PHOTO.resize((96, 64))
DAMAGED = "the image is truncated or damaged"
UNREADABLE = "not an image we can read: JPEG, PNG, WebP and GIF are"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "the image is empty", id="nothing"),
        pytest.param(b"a text file, with words in it\n", UNREADABLE, id="text"),
        pytest.param(encoded(SMALL, "BMP"), UNREADABLE, id="BMP"),
        pytest.param(encoded(SMALL, "TIFF"), UNREADABLE, id="TIFF"),
        pytest.param(b"RIFF\x00\x00\x00\x00WAVEfmt ", UNREADABLE, id="another RIFF file"),
        pytest.param(b"\xff\xd8\xff", DAMAGED, id="only the beginning of a JPEG"),
        pytest.param(encoded(SMALL, "JPEG")[:-600], DAMAGED, id="truncated JPEG"),
        pytest.param(encoded(SMALL, "PNG")[:-600], DAMAGED, id="truncated PNG"),
        pytest.param(encoded(SMALL, "WEBP")[:-600], DAMAGED, id="truncated WebP"),
        pytest.param(encoded(SMALL, "GIF")[:-600], DAMAGED, id="truncated GIF"),
        pytest.param(png_header(64, 64) + chunk(b"IDAT", b"no zlib") + chunk(b"IEND", b""), DAMAGED, id="bad pixels"),
        pytest.param(
            encoded(Image.new("RGB", (1, 1)), "PNG"),
            "the image is 1 x 1 pixels; its shorter side must have at least 8",
            id="one pixel",
        ),
        pytest.param(
            encoded(Image.new("RGB", (500, 7)), "JPEG"),
            "the image is 500 x 7 pixels; its shorter side must have at least 8",
            id="too narrow",
        ),
    ],
)
def test_a_bad_image_is_refused_in_plain_words(content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_square(content, 224, 32)
    assert str(caught.value) == message


@cache
def bomb_png() -> bytes:
    # A tenth of the rows is there: enough to be seen in memory if they were decoded.
    rows = zlib.compress(b"\x00" * 60_001 * 2_000)
    return png_header(20_000, 20_000) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def bomb_gif() -> bytes:
    content = bytearray(encoded(Image.new("P", (16, 16)), "GIF"))
    content[6:10] = struct.pack("<HH", 60_000, 60_000)
    return bytes(content)


def bomb_gif_frame() -> bytes:
    content = bytearray(encoded(Image.new("P", (16, 16)), "GIF"))
    frame = content.index(b"\x2c\x00\x00\x00\x00")
    content[frame + 5 : frame + 9] = struct.pack("<HH", 60_000, 60_000)
    return bytes(content)


def bomb_webp() -> bytes:
    content = bytearray(encoded(Image.new("RGBA", (16, 16), (1, 2, 3, 4)), "WEBP", exif=b"Exif\x00\x00"))
    assert content[12:16] == b"VP8X"
    content[24:30] = (65_534).to_bytes(3, "little") * 2
    return bytes(content)


def bomb_jpeg() -> bytes:
    content = bytearray(encoded(Image.new("RGB", (16, 16)), "JPEG"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(content)


@cache
def bomb_text() -> bytes:
    text = b"comment\x00\x00" + zlib.compress(b"\x00" * 200_000_000, 9)
    return png_header(64, 64) + chunk(b"zTXt", text) + chunk(b"IEND", b"")


@cache
def bomb_profile() -> bytes:
    profile = b"profile\x00\x00" + zlib.compress(b"\x00" * 200_000_000, 9)
    return png_header(64, 64) + chunk(b"iCCP", profile) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("bomb", "message"),
    [
        (bomb_png, "the image is 20000 x 20000 pixels; at most 50,000,000 pixels are read"),
        (bomb_gif, "the image is 60000 x 60000 pixels; at most 50,000,000 pixels are read"),
        (bomb_gif_frame, "the image is too large; at most 50,000,000 pixels are read"),
        (bomb_webp, "the image is too large; at most 50,000,000 pixels are read"),
        (bomb_jpeg, "the image is 60000 x 60000 pixels; at most 50,000,000 pixels are read"),
        (bomb_text, DAMAGED),
        (bomb_profile, DAMAGED),
    ],
)
def test_a_decompression_bomb_is_refused_in_a_moment(bomb: Callable[[], bytes], message: str) -> None:
    content = bomb()
    started = time.thread_time()  # not of the clock on the wall: the machine may be busy
    with pytest.raises(InvalidInput) as caught:
        read_square(content, 224, 32)
    assert str(caught.value) == message
    assert time.thread_time() - started < 3  # to decode 3.6 gigapixels takes far longer


MEASURE = """
import resource, sys, time
from app.errors import InvalidInput
from app.tasks.images import read_square
read_square(open(sys.argv[1], "rb").read(), 224, 32)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[2:]:
    try:
        read_square(open(path, "rb").read(), 224, 32)
        print("read", path)
    except InvalidInput:
        pass
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def test_bombs_take_little_memory_and_warn_nobody(tmp_path: Path) -> None:
    files = [tmp_path / "photo.jpg"]
    files[0].write_bytes(encoded(PHOTO, "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff"))
    for bomb in (bomb_png, bomb_gif, bomb_gif_frame, bomb_webp, bomb_jpeg, bomb_text, bomb_profile):
        files.append(tmp_path / bomb.__name__)
        files[-1].write_bytes(bomb())
    # In a process of its own: the peak of this one is already high, and its warnings are errors.
    result = subprocess.run([sys.executable, "-c", MEASURE, *files], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert int(result.stdout) < 60  # MiB; the 20,000 x 20,000 PNG alone would be 1,600


SEEDS = {
    "JPEG": encoded(
        SMALL,
        "JPEG",
        exif=b"Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00",
    ),
    "progressive JPEG": encoded(SMALL, "JPEG", progressive=True),
    "CMYK JPEG": encoded(SMALL.convert("CMYK"), "JPEG"),
    "PNG": encoded(SMALL, "PNG"),
    "palette PNG": encoded(SMALL.quantize(16), "PNG", transparency=b"\x00\x80"),
    "grey 16-bit PNG": encoded(Image.fromarray(np.asarray(SMALL.convert("L")).astype(np.uint16) * 257), "PNG"),
    "animated PNG": encoded(SMALL, "PNG", save_all=True, append_images=[SMALL.rotate(90)]),
    "GIF": encoded(SMALL, "GIF", save_all=True, append_images=[SMALL.rotate(90)]),
    "WebP": encoded(SMALL, "WEBP"),
    "lossless WebP": encoded(SMALL.convert("RGBA"), "WEBP", lossless=True),
    "animated WebP": encoded(SMALL, "WEBP", save_all=True, append_images=[SMALL.rotate(90)], exif=b"Exif\x00\x00"),
}


def mutilated(content: bytes, rng: np.random.Generator) -> bytes:
    """Cut off somewhere, or a few bits flipped, half of them in the header."""
    if rng.random() < 0.3:
        return content[: int(rng.integers(len(content)))]
    flipped = bytearray(content)
    for _ in range(int(rng.integers(1, 6))):
        end = len(content) if rng.random() < 0.5 else 200
        flipped[int(rng.integers(end))] ^= 1 << int(rng.integers(8))
    return bytes(flipped)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", SEEDS)
def test_whatever_is_done_to_a_file_it_is_read_or_refused(kind: str) -> None:
    rng = np.random.default_rng(0)
    num_read = num_refused = 0
    for _ in range(150):
        try:
            square = read_square(mutilated(SEEDS[kind], rng), 32, 4)
        except InvalidInput:
            num_refused += 1
        else:
            assert square.shape == (32, 32, 3)
            num_read += 1
    assert num_refused > 10
    assert num_read + num_refused == 150
