"""Pictures to the pixel as transformers makes them, of every kind of file."""

from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from pictures import PHOTO, chunk, encoded, png_header
from PIL import Image
from pydantic import ValidationError
from transformers.image_processing_backends import PilBackend
from transformers.image_utils import load_image

from app.errors import InvalidInput
from app.tasks.image_input import CAT
from app.tasks.pixels import FILTERS, PixelsConfig, Resize, needs_of_picture, read_picture

STRIP = PHOTO.resize((3000, 20))


def turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(PHOTO, "JPEG", exif=exif)


FILES = {
    "photo": CAT,
    "grey JPEG": encoded(PHOTO.convert("L"), "JPEG"),
    "grey PNG": encoded(PHOTO.convert("LA"), "PNG"),
    "grey of 16 bits": encoded(Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257), "PNG"),
    "RGBA": encoded(PHOTO.convert("RGBA").rotate(20, expand=True), "PNG"),
    "palette": encoded(PHOTO.quantize(16), "PNG", transparency=b"\x00\x80"),
    "CMYK": encoded(PHOTO.convert("CMYK"), "JPEG"),
    "GIF": encoded(PHOTO, "GIF"),
    "WebP": encoded(PHOTO, "WEBP"),
    "one pixel": encoded(Image.new("RGB", (1, 1), "teal"), "PNG"),
    "strip": encoded(STRIP, "PNG"),
    "tower": encoded(STRIP.rotate(90, expand=True), "JPEG"),
    "small": encoded(PHOTO.resize((23, 31)), "PNG"),
    **{f"turned {orientation}": turned(orientation) for orientation in range(2, 9)},
}
CONFIGS = {
    "as it is": PixelsConfig(),
    "its middle": PixelsConfig(crop=(37, 64)),
    "all of it": PixelsConfig(resize=Resize(filter="bilinear", height=48, width=56)),
    "shorter side": PixelsConfig(resize=Resize(filter="bicubic", shortest_edge=40)),
    "shorter side, and the middle": PixelsConfig(resize=Resize(filter="bicubic", shortest_edge=40), crop=(32, 33)),
    "more than there is": PixelsConfig(resize=Resize(filter="box", shortest_edge=20), crop=(51, 64)),
    "longer side, too": PixelsConfig(resize=Resize(filter="lanczos", shortest_edge=40, longest_edge=200)),
    "within": PixelsConfig(resize=Resize(filter="bilinear", max_height=200, max_width=160)),
}


def of_transformers(content: bytes, config: PixelsConfig) -> npt.NDArray[np.uint8]:
    """The same by its own processor, uint8 [height, width, 3]."""
    options: dict[str, Any] = {"do_resize": False, "do_rescale": False, "do_normalize": False}
    if config.resize is not None:
        options |= {"do_resize": True, "size": config.resize.stated, "resample": FILTERS[config.resize.filter]}
    if config.crop is not None:
        height, width = config.crop
        options |= {"do_center_crop": True, "crop_size": {"height": height, "width": width}}
    pixels = PilBackend(**options)(load_image(Image.open(BytesIO(content))))["pixel_values"][0]
    return np.asarray(pixels).transpose(1, 2, 0)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's own, of palettes
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", FILES)
def test_every_pixel_is_the_one_that_transformers_makes(name: str, config: str) -> None:
    if config == "within" and name in ("strip", "tower"):  # of 3000 x 20 not even one row would be left over
        pytest.skip("see test_a_picture_of_which_nothing_is_left_is_refused")
    found = read_picture(FILES[name], CONFIGS[config])
    expected = of_transformers(FILES[name], CONFIGS[config])
    assert found.pixels.dtype == np.uint8
    assert found.pixels.shape == (*(CONFIGS[config].size or expected.shape[:2]), 3)
    assert np.array_equal(found.pixels, expected)
    upright = load_image(Image.open(BytesIO(FILES[name])))
    assert found.original == (upright.height, upright.width)


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_makes_pictures_smaller_and_larger_as_in_transformers(name: str) -> None:
    for height, width in ((31, 77), (500, 470)):
        config = PixelsConfig.model_validate({"resize": {"filter": name, "height": height, "width": width}})
        assert np.array_equal(read_picture(CAT, config).pixels, of_transformers(CAT, config))


@pytest.mark.parametrize(("height", "width"), [(800, 1333), (480, 640), (1, 7), (333, 333), (1201, 799), (2, 2001)])
@pytest.mark.parametrize("longest", [None, 1333, 401])
def test_sizes_are_those_of_transformers_whatever_the_shape(height: int, width: int, longest: int | None) -> None:
    backend = PilBackend(do_rescale=False, do_normalize=False)
    resize = Resize(filter="nearest", shortest_edge=400, longest_edge=longest)
    for sides in ((height, width), (width, height)):
        size = resize.size(*sides)
        if min(size) > 0 and max(size) < 3000:
            image = Image.new("RGB", sides[::-1])
            made = backend(image, do_resize=True, size=resize.stated, resample=0)["pixel_values"][0]
            assert made.shape[1:] == size


def test_a_picture_of_which_nothing_is_left_is_refused() -> None:
    config = PixelsConfig(resize=Resize(filter="bilinear", max_height=100, max_width=100))
    for ask in (read_picture, needs_of_picture):
        with pytest.raises(InvalidInput, match="nothing is left of 3000 x 20 pixels in the size that this model reads"):
            ask(FILES["strip"], config)


def test_a_strip_that_would_grow_beyond_measure_is_refused_by_its_header() -> None:
    content = png_header(49_000_000, 1) + chunk(b"IDAT", b"")  # there is no pixel
    config = PixelsConfig(resize=Resize(filter="bilinear", shortest_edge=224), crop=(224, 224))
    for ask in (read_picture, needs_of_picture):
        with pytest.raises(InvalidInput, match=r"of which 2,458,624,000,000 are made on the way .* 50,000,000"):
            ask(content, config)
    # Of a fixed size, too: Pillow resizes the rows first, which may be millions.
    with pytest.raises(InvalidInput, match="of which 10,976,000,000 are made"):
        needs_of_picture(
            png_header(1, 49_000_000) + chunk(b"IDAT", b""),
            PixelsConfig(resize=Resize(filter="box", height=224, width=224)),
        )


def test_what_is_made_counts_where_it_is_more_than_what_is_stored() -> None:
    config = PixelsConfig(resize=Resize(filter="bicubic", shortest_edge=256), crop=(224, 224))
    photo = encoded(PHOTO, "PNG")
    assert needs_of_picture(photo, config).pixels == 451 * 300
    assert needs_of_picture(FILES["strip"], config).pixels == 38_400 * 256
    assert needs_of_picture(photo, config).num_bytes < needs_of_picture(FILES["strip"], config).num_bytes


@pytest.mark.parametrize(
    "stated", [{}, {"height": 8}, {"longest_edge": 8}, {"height": 8, "width": 8, "shortest_edge": 8}, {"max_width": 9}]
)
def test_a_size_is_stated_in_one_way(stated: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="a size has height and width or shortest_edge or"):
        Resize.model_validate({"filter": "box", **stated})


@pytest.mark.parametrize("config", ["as it is", "its middle", "all of it"])
def test_damaged_files_are_refused(config: str) -> None:
    with pytest.raises(InvalidInput, match="truncated or damaged"):
        read_picture(CAT[: len(CAT) // 2], CONFIGS[config])
    with pytest.raises(InvalidInput, match="not an image we can read"):
        read_picture(b"photo", CONFIGS[config])
