"""The bytes of a picture, from anyone, to the square of pixels that a network reads."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from math import ceil, floor

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from simplejpeg import decode_jpeg, decode_jpeg_header

from app.errors import InvalidInput
from app.tasks.resampling import resample
from app.tasks.transparency import crop
from app.tasks.view import Needs

MAX_PIXELS = 50_000_000  # of one picture; at BYTES_OF_A_PIXEL the largest take a gigabyte
MIN_SIDE = 8  # pixels: in less there is nothing to recognise

# What a pixel takes at the peak of reading, measured: a progressive JPEG keeps all its coefficients; of the others the
# decoded picture, its middle and that as RGB are there at a time, and WebP's decoder has canvases of its own.
BYTES_OF_A_PIXEL = {"JPEG": 3, "PNG": 13, "GIF": 13}
MOST_BYTES_OF_A_PIXEL = 20

# A JPEG is decoded several times faster at a half, quarter or eighth of its size. That is done only while this many
# times the pixels that are needed remain on a side, so that the filter that made the training images decides.
OVERSAMPLING = 2

# How each value of EXIF's orientation is undone.
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Pillow warns of odd metadata, which we can do without, and of sizes, which we judge ourselves.
warnings.filterwarnings("ignore", module=r"PIL\.")


def read_square(content: bytes, size: int, margin: int) -> npt.NDArray[np.uint8]:
    """The middle of a JPEG, PNG, WebP or GIF (its first frame) as RGB of shape [size, size, 3].

    The upright picture, on white where it is transparent, its shorter side resized to `size + margin`, of which the
    central `size` x `size` is kept. Raises InvalidInput if the bytes are no such picture, or are damaged, or hold
    more than MAX_PIXELS, which is known before a pixel is decoded. Thread-safe.
    """
    image = open_image(content)
    with damage_refused():
        image.draft(None, (OVERSAMPLING * (size + margin), OVERSAMPLING * (size + margin)))
        side = min(image.size) * size / (size + margin)
        left, top = ((length - side) / 2 for length in image.size)
        pixels = _plain_jpeg(image, content)
        if pixels is None:
            # Only what the filter reads is copied and converted, however long and narrow the picture is.
            reach = 2 * max(1.0, side / size)
            x, y = max(0, floor(left - reach)), max(0, floor(top - reach))
            end = min(image.width, ceil(left + side + reach)), min(image.height, ceil(top + side + reach))
            pixels = np.asarray(crop(image, content, (x, y, *end)))
            left, top = left - x, top - y
    square = resample(pixels, left, top, side, size)
    # The square lies in the middle, so it can be turned upright when it is small.
    turn = UPRIGHT.get(orientation_of(image))
    return square if turn is None else np.array(Image.fromarray(square).transpose(turn))


def needs_of(content: bytes) -> Needs:
    """Return the needs of `read_square` for this picture, by its header. Raises InvalidInput as that does."""
    image = open_image(content)
    pixels = image.width * image.height
    return Needs(pixels, pixels * BYTES_OF_A_PIXEL.get(image.format or "", MOST_BYTES_OF_A_PIXEL))


def open_image(content: bytes, min_side: int = MIN_SIDE) -> ImageFile:
    """The picture with nothing but its header read. Raises InvalidInput, also of one with a side below `min_side`."""
    if not content:
        raise InvalidInput("the image is empty")
    reader = _reader(content)
    with damage_refused():
        image = reader(BytesIO(content))
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InvalidInput(f"the image is {width} x {height} pixels; at most {MAX_PIXELS:,} pixels are read")
    if min(width, height) < min_side:
        raise InvalidInput(f"the image is {width} x {height} pixels; its shorter side must have at least {min_side}")
    return image


def _reader(content: bytes) -> type[ImageFile]:
    # Image.open chooses too, but refuses by a global limit of its own before it tells the size.
    if content.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return WebPImageFile
    if content.startswith((b"GIF87a", b"GIF89a")):
        return GifImageFile
    raise InvalidInput("not an image we can read: JPEG, PNG, WebP and GIF are")


def _plain_jpeg(image: ImageFile, content: bytes) -> npt.NDArray[np.uint8] | None:
    """The pixels of a sound colour JPEG in the size of `image`, [height, width, 3]; None of all else, for Pillow."""
    if not isinstance(image, JpegImageFile) or image.mode != "RGB":
        return None
    width, height = image.size
    try:
        # Nothing is decoded if the two libraries should read different sizes in the header.
        if decode_jpeg_header(content, height, width)[:2] != (height, width):
            return None
        pixels = np.empty((height, width, 3), np.uint8)
        decode_jpeg(content, "RGB", min_height=height, min_width=width, buffer=pixels)
    except (ValueError, KeyError):
        return None
    return pixels


@contextmanager
def damage_refused() -> Iterator[None]:
    """Raises InvalidInput for whatever a reader of pictures runs into, but for a lack of memory."""
    try:
        yield
    except MemoryError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidInput(f"the image is too large; at most {MAX_PIXELS:,} pixels are read") from error
    except Exception as error:
        # Pillow lets through whatever its readers run into: struct.error, KeyError, SyntaxError and many more.
        raise InvalidInput("the image is truncated or damaged") from error


def orientation_of(image: Image.Image) -> int:
    """The value of EXIF's orientation, 1 where there is none that can be read; UPRIGHT undoes the others."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        # A picture with damaged metadata is still a picture.
        return 1
