import base64
import json
import struct
import subprocess
import sys
import textwrap
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from pydantic import ValidationError

from app.errors import InvalidArtifact, InvalidInput
from app.tasks.image_classification import ImageClassification, ImageClassificationKernel, ImageInput
from app.tasks.images import UPRIGHT, read_square
from app.tasks.transparency import to_rgb

CAT = Path(sys.modules[ImageClassification.__module__].__file__ or "").with_name("cat.jpg").read_bytes()


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return Image.fromarray(skimage.data.chelsea())  # 451 x 300


@pytest.fixture
def task(tmp_path: Path) -> ImageClassification:
    labels = tmp_path / "names.json"
    labels.write_text(json.dumps(["cat", "dog", "cup"]))
    config = ImageClassificationKernel.Config.model_validate({"labels": "names.json"})
    return ImageClassification(ImageClassificationKernel(config, {"names.json": labels}))


def png_header(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


# The input: bytes, or base64 in JSON.


STANDARD = base64.b64encode(CAT).decode()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(STANDARD, id="standard alphabet"),
        pytest.param(base64.urlsafe_b64encode(CAT).decode(), id="URL-safe alphabet"),
        pytest.param(STANDARD.rstrip("="), id="without padding"),
        pytest.param("\r\n".join(textwrap.wrap(STANDARD, 76)), id="in lines"),
        pytest.param(f"data:image/jpeg;base64,{STANDARD}", id="data URL"),
        pytest.param(f"DATA:image/svg+xml;base64,{STANDARD}", id="data URL of another type"),
    ],
)
def test_an_image_may_come_as_base64_of_any_flavour(text: str) -> None:
    assert ImageInput.model_validate_json(json.dumps({"image": text})).image == CAT
    assert ImageInput.model_validate({"image": text}).image == CAT


def test_bytes_are_taken_as_they_are() -> None:
    assert ImageInput(image=b"AAAA").image == b"AAAA"
    assert ImageInput.model_validate({"image": CAT}).image == CAT


def test_an_item_survives_the_way_through_json() -> None:
    item = ImageInput(image=bytes(range(256)))
    assert ImageInput.model_validate_json(item.model_dump_json()) == item


@pytest.mark.parametrize("text", ["not base64!", "AAAAA", "A=AA", "é", "http://example.org/cat.jpg", "data:,AAAA"])
def test_what_is_not_base64_is_refused_in_plain_words(text: str) -> None:
    with pytest.raises(ValidationError, match="not valid base64; send the bytes of an image file"):
        ImageInput.model_validate_json(json.dumps({"image": text}))


def test_the_schema_says_that_an_image_is_base64_text() -> None:
    schema = ImageInput.model_json_schema()["properties"]["image"]
    assert (schema["type"], schema["contentEncoding"]) == ("string", "base64")
    assert ImageInput.model_json_schema(mode="serialization")["properties"]["image"]["type"] == "string"


def test_an_items_repr_does_not_show_the_bytes() -> None:
    assert len(repr(ImageInput(image=CAT))) < 50


# From bytes to a square.


def test_the_square_is_the_middle_of_the_resized_picture(photo: Image.Image) -> None:
    wide = photo.resize((600, 300))
    expected = wide.resize((512, 256), Image.Resampling.BICUBIC).crop((144, 16, 144 + 224, 16 + 224))
    square = read_square(encoded(wide, "PNG"), 224, 32)
    assert (square.shape, square.dtype) == ((224, 224, 3), np.uint8)
    assert np.abs(square.astype(np.int16) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_every_format_shows_the_same_picture(photo: Image.Image, kind: str) -> None:
    square = read_square(encoded(photo, kind), 224, 32)
    assert np.abs(square.astype(np.int16) - read_square(encoded(photo, "PNG"), 224, 32)).mean() < 10


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read(photo: Image.Image, mode: str) -> None:
    if mode == "I;16":
        grey = np.asarray(photo.convert("L")).astype(np.uint16)
        image = Image.fromarray(grey * 257)
        expected = photo.convert("L")
    else:
        image = photo.convert("L").convert(mode) if mode == "LA" else photo.convert(mode)
        expected = image
    square = read_square(encoded(image, "PNG"), 224, 32)
    assert np.array_equal(square, read_square(encoded(expected.convert("RGB"), "PNG"), 224, 32))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCbCr"])
def test_every_mode_of_jpeg_is_read(photo: Image.Image, mode: str) -> None:
    square = read_square(encoded(photo.convert(mode), "JPEG", quality=95), 224, 32)
    expected = read_square(encoded(photo.convert(mode).convert("RGB"), "PNG"), 224, 32)
    assert np.abs(square.astype(np.int16) - expected).mean() < 4


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    square = read_square(encoded(Image.fromarray(ramp), "PNG"), 64, 0)
    assert square[0, 0, 0] == 0
    assert square[0, -1, 0] == 255
    assert abs(int(square[0, 32, 0]) - 129) <= 1


def test_wide_integers_are_scaled_as_sixteen_bits() -> None:
    assert to_rgb(Image.new("I", (2, 2), 65535)).getpixel((0, 0)) == (255, 255, 255)
    assert to_rgb(Image.new("I", (2, 2), 32768)).getpixel((0, 0)) == (128, 128, 128)


def transparent_palette() -> Image.Image:
    image = Image.new("P", (64, 64), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.info["transparency"] = 0
    return image


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(encoded(Image.new("RGBA", (64, 64), (200, 0, 0, 0)), "PNG"), id="RGBA"),
        pytest.param(encoded(Image.new("LA", (64, 64), (10, 0)), "PNG"), id="LA"),
        pytest.param(encoded(transparent_palette(), "PNG", transparency=0), id="palette"),
        pytest.param(encoded(transparent_palette(), "PNG", transparency=b"\x00\xff"), id="palette with alphas"),
        pytest.param(
            encoded(Image.new("RGB", (64, 64), (9, 8, 7)), "PNG", transparency=(9, 8, 7)), id="RGB colour key"
        ),
        pytest.param(encoded(Image.new("L", (64, 64), 9), "PNG", transparency=9), id="grey colour key"),
        pytest.param(encoded(transparent_palette(), "GIF", transparency=0), id="GIF"),
        pytest.param(encoded(Image.new("RGBA", (64, 64), (200, 0, 0, 0)), "WEBP", lossless=True), id="WebP"),
    ],
)
def test_what_is_transparent_becomes_white(content: bytes) -> None:
    assert (read_square(content, 32, 4) == 255).all()


def test_half_transparent_is_half_white() -> None:
    square = read_square(encoded(Image.new("RGBA", (64, 64), (0, 0, 0, 128)), "PNG"), 32, 4)
    assert (np.abs(square.astype(np.int16) - 127) <= 1).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_gives_the_square_of_the_upright_picture(
    photo: Image.Image, orientation: int, kind: str
) -> None:
    turn = UPRIGHT.get(orientation)
    undo = {
        Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
    }
    stored = photo if turn is None else photo.transpose(undo.get(turn, turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}[kind]
    square = read_square(encoded(stored, kind, exif=exif, **options), 224, 32).astype(np.int16)
    upright = read_square(encoded(photo, kind, **options), 224, 32)
    assert np.abs(square - upright).mean() < (2 if kind == "JPEG" else 0.5)  # a JPEG's blocks turn with it


@pytest.mark.filterwarnings("ignore::UserWarning")  # as in the service; pytest makes errors of them
def test_damaged_metadata_does_not_spoil_a_picture(photo: Image.Image) -> None:
    for exif in (
        b"Exif\x00\x00MM\x00*\xff\xff\xff\xff",
        b"Exif\x00\x00",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff",
    ):
        square = read_square(encoded(photo, "JPEG", exif=exif), 224, 32)
        assert np.array_equal(square, read_square(encoded(photo, "JPEG"), 224, 32))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    red, blue = Image.new("RGB", (64, 64), (255, 0, 0)), Image.new("RGB", (64, 64), (0, 0, 255))
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(red, kind, save_all=True, append_images=[blue, blue], **options)
    assert read_square(content, 32, 4)[16, 16].tolist() == [255, 0, 0]


def test_a_large_jpeg_decoded_at_a_fraction_shows_the_same_picture(photo: Image.Image) -> None:
    large = photo.resize((451 * 8, 300 * 8), Image.Resampling.BICUBIC)
    square = read_square(encoded(large, "JPEG", quality=95), 224, 32).astype(np.int16)
    assert np.abs(square - read_square(encoded(photo, "PNG"), 224, 32)).mean() < 4


def refuse(*args: Any, **options: Any) -> None:
    raise ValueError("not this one")


@pytest.mark.parametrize("size", [(335, 500), (640, 480), (97, 61), (1921, 1083), (4100, 2300)])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"subsampling": 1}, {"progressive": True}], ids=str)
def test_the_fast_way_to_read_a_jpeg_gives_the_pixels_of_pillow(
    photo: Image.Image, size: tuple[int, int], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(photo.resize(size), "JPEG", **options)
    with monkeypatch.context() as patch:
        patch.setattr(JpegImageFile, "load", refuse)
        square = read_square(content, 224, 32)
    monkeypatch.setattr("app.tasks.images.decode_jpeg", refuse)
    assert np.array_equal(square, read_square(content, 224, 32))


def test_bytes_between_the_parts_of_a_jpeg_do_no_harm(photo: Image.Image) -> None:
    content = encoded(photo, "JPEG")
    # The fast decoder takes it for damage, the other one does not.
    assert np.array_equal(read_square(content[:-2] + bytes(20) + content[-2:], 224, 32), read_square(content, 224, 32))


@pytest.mark.parametrize("size", [(40_000, 8), (8, 40_000)])
def test_a_strip_is_read_from_its_middle_alone(size: tuple[int, int]) -> None:
    strip = Image.new("RGB", size, "white")
    middle = (size[0] // 2, size[1] // 2)
    strip.paste((0, 128, 0), (middle[0] - 8, middle[1] - 8, middle[0] + 8, middle[1] + 8))
    assert (read_square(encoded(strip, "PNG"), 224, 32) == [0, 128, 0]).all()


def test_many_threads_read_the_same() -> None:
    expected = read_square(CAT, 224, 32)
    with ThreadPoolExecutor(8) as threads:
        assert all(
            np.array_equal(square, expected) for square in threads.map(read_square, [CAT] * 64, [224] * 64, [32] * 64)
        )


# What is refused.


SMALL = Image.fromarray(skimage.data.chelsea()).resize((96, 64))
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
def test_a_bad_image_is_refused_in_plain_words(task: ImageClassification, content: bytes, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        task.preprocess(ImageInput(image=content), task.contract.Parameters())
    assert caught.value.details == [{"loc": ["image"], "msg": message}]


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


def test_bombs_take_little_memory_and_warn_nobody(tmp_path: Path, photo: Image.Image) -> None:
    files = [tmp_path / "photo.jpg"]
    files[0].write_bytes(encoded(photo, "JPEG", exif=b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff"))
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


# The task.


def test_the_example_is_a_small_photo_in_base64(task: ImageClassification) -> None:
    assert len(CAT) <= 4096
    item = ImageInput.model_validate_json(json.dumps(ImageClassification.contract.example))
    assert item.image == CAT
    prepared = task.preprocess(item, task.contract.Parameters())
    assert [row["image"].shape for row in prepared.rows] == [(224, 224, 3)]
    assert np.array_equal(task.kernel.probe(1)["image"], prepared.rows[0]["image"])


@pytest.mark.parametrize(("parameters", "expected"), [({}, ["dog", "cup", "cat"]), ({"top_k": 2}, ["dog", "cup"])])
def test_labels_come_best_first(task: ImageClassification, parameters: dict[str, int], expected: list[str]) -> None:
    chosen = task.contract.Parameters.model_validate(parameters)
    prepared = task.preprocess(ImageInput(image=CAT), chosen)
    answer = {"probabilities": np.array([0.1, 0.6, 0.3], np.float32)}
    assert [label.label for label in task.postprocess(prepared, [answer], chosen)] == expected


def test_five_labels_are_given_unless_asked_otherwise() -> None:
    assert ImageClassification.contract.Parameters().top_k == 5
    with pytest.raises(ValidationError):
        ImageClassification.contract.Parameters(top_k=0)


@pytest.mark.parametrize("content", ["no json", "{}", '["one"]', "[1, 2]"])
def test_labels_that_are_no_list_of_names_are_an_invalid_artifact(tmp_path: Path, content: str) -> None:
    (tmp_path / "labels.json").write_text(content)
    config = ImageClassificationKernel.Config(labels="labels.json")
    with pytest.raises(InvalidArtifact, match=r"labels\.json is not a JSON list of at least two names"):
        ImageClassification(ImageClassificationKernel(config, {"labels.json": tmp_path / "labels.json"}))
