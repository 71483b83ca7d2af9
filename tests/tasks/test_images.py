"""From the bytes of a picture to the square that a network reads."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from pictures import PHOTO, encoded
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from app.tasks.image_input import CAT
from app.tasks.images import UPRIGHT, read_square
from app.tasks.transparency import to_rgb


def test_the_square_is_the_middle_of_the_resized_picture() -> None:
    wide = PHOTO.resize((600, 300))
    expected = wide.resize((512, 256), Image.Resampling.BICUBIC).crop((144, 16, 144 + 224, 16 + 224))
    square = read_square(encoded(wide, "PNG"), 224, 32)
    assert (square.shape, square.dtype) == ((224, 224, 3), np.uint8)
    assert np.abs(square.astype(np.int16) - np.asarray(expected)).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "GIF"])
def test_every_format_shows_the_same_picture(kind: str) -> None:
    square = read_square(encoded(PHOTO, kind), 224, 32)
    assert np.abs(square.astype(np.int16) - read_square(encoded(PHOTO, "PNG"), 224, 32)).mean() < 10


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_is_read(mode: str) -> None:
    if mode == "I;16":
        grey = np.asarray(PHOTO.convert("L")).astype(np.uint16)
        image = Image.fromarray(grey * 257)
        expected = PHOTO.convert("L")
    else:
        image = PHOTO.convert("L").convert(mode) if mode == "LA" else PHOTO.convert(mode)
        expected = image
    square = read_square(encoded(image, "PNG"), 224, 32)
    assert np.array_equal(square, read_square(encoded(expected.convert("RGB"), "PNG"), 224, 32))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "YCbCr"])
def test_every_mode_of_jpeg_is_read(mode: str) -> None:
    square = read_square(encoded(PHOTO.convert(mode), "JPEG", quality=95), 224, 32)
    expected = read_square(encoded(PHOTO.convert(mode).convert("RGB"), "PNG"), 224, 32)
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
def test_every_orientation_gives_the_square_of_the_upright_picture(orientation: int, kind: str) -> None:
    turn = UPRIGHT.get(orientation)
    undo = {
        Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
        Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
    }
    stored = PHOTO if turn is None else PHOTO.transpose(undo.get(turn, turn))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"PNG": {}, "JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}[kind]
    square = read_square(encoded(stored, kind, exif=exif, **options), 224, 32).astype(np.int16)
    upright = read_square(encoded(PHOTO, kind, **options), 224, 32)
    assert np.abs(square - upright).mean() < (2 if kind == "JPEG" else 0.5)  # a JPEG's blocks turn with it


@pytest.mark.filterwarnings("ignore::UserWarning")  # as in the service; pytest makes errors of them
def test_damaged_metadata_does_not_spoil_a_picture() -> None:
    for exif in (
        b"Exif\x00\x00MM\x00*\xff\xff\xff\xff",
        b"Exif\x00\x00",
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff",
    ):
        square = read_square(encoded(PHOTO, "JPEG", exif=exif), 224, 32)
        assert np.array_equal(square, read_square(encoded(PHOTO, "JPEG"), 224, 32))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_read(kind: str) -> None:
    red, blue = Image.new("RGB", (64, 64), (255, 0, 0)), Image.new("RGB", (64, 64), (0, 0, 255))
    options = {"lossless": True} if kind == "WEBP" else {}
    content = encoded(red, kind, save_all=True, append_images=[blue, blue], **options)
    assert read_square(content, 32, 4)[16, 16].tolist() == [255, 0, 0]


def test_a_large_jpeg_decoded_at_a_fraction_shows_the_same_picture() -> None:
    large = PHOTO.resize((451 * 8, 300 * 8), Image.Resampling.BICUBIC)
    square = read_square(encoded(large, "JPEG", quality=95), 224, 32).astype(np.int16)
    assert np.abs(square - read_square(encoded(PHOTO, "PNG"), 224, 32)).mean() < 4


def refuse(*args: Any, **options: Any) -> None:
    raise ValueError("not this one")


@pytest.mark.parametrize("size", [(335, 500), (640, 480), (97, 61), (1921, 1083), (4100, 2300)])
@pytest.mark.parametrize("options", [{}, {"subsampling": 0}, {"subsampling": 1}, {"progressive": True}], ids=str)
def test_the_fast_way_to_read_a_jpeg_gives_the_pixels_of_pillow(
    size: tuple[int, int], options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(PHOTO.resize(size), "JPEG", **options)
    with monkeypatch.context() as patch:
        patch.setattr(JpegImageFile, "load", refuse)
        square = read_square(content, 224, 32)
    monkeypatch.setattr("app.tasks.images.decode_jpeg", refuse)
    assert np.array_equal(square, read_square(content, 224, 32))


def test_bytes_between_the_parts_of_a_jpeg_do_no_harm() -> None:
    content = encoded(PHOTO, "JPEG")
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
