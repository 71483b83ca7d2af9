"""Natural photographs: for calibrating what is quantized, and for measuring what is published."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
import skimage
import sklearn
from PIL import Image, ImageOps

from app.repository.manifest import Source
from app.tasks.images import read_square
from training.data.fetch.debian import DebianPackage, fetch_debian
from training.data.fetch.qt import read_resources

GCOMPRIS = DebianPackage(
    "gcompris-qt-data", "3.1-2", "e9cf06ab2105529068df73085784e835d2ff03f870d2a8091f09125d40abac9f"
)
# The activities of GCompris, a suite for children, whose pictures are photographs and not drawings.
ACTIVITIES = (
    "categorization",
    "explore_monuments",
    "erase",
    "explore_world_animals",
    "explore_farm_animals",
    "explore_world_music",
)
MIN_SIDE = 200  # pixels: smaller ones are icons, and would be enlarged
MARGIN = 32  # pixels that a resized photo is larger than the square that is read, as its networks were trained
# Places among the shuffled photos of GCompris. The others, and those of two libraries, are for the test.
CALIBRATION, VALIDATION = slice(0, 60), slice(100, 165)
THUMBNAIL_SIDE = 16  # pixels, by which copies in other sizes are found
PREVIEW_SIDE, PREVIEW_QUALITY = 160, 60  # of a golden example: some kilobytes of the manifest
ALIKE = 0.95  # correlation of two thumbnails above which one is a copy of the other

SCIKIT = {
    "cat": ("skimage", "data/chelsea.png"),
    "coffee": ("skimage", "data/coffee.png"),
    "rocket": ("skimage", "data/rocket.jpg"),
    "astronaut": ("skimage", "data/astronaut.png"),
    "motorcycle": ("skimage", "data/motorcycle_left.png"),
    "temple": ("sklearn", "datasets/images/china.jpg"),
    "flower": ("sklearn", "datasets/images/flower.jpg"),
}

SOURCES = (
    Source(
        name=f"Debian {GCOMPRIS.name}",
        version=GCOMPRIS.version,
        licence="per photo: Creative Commons BY, BY-SA and CC0, GPL, public domain (its copyright file names each)",
        sha256=GCOMPRIS.sha256,
        used_for="235 photos for calibration, validation and test; none is in the artifact",
    ),
    Source(
        name="scikit-image photos",
        version=version("scikit-image"),
        licence="BSD-3-Clause package; the photos are CC0 or public domain",
        used_for="test, golden examples",
    ),
    Source(
        name="scikit-learn photos",
        version=version("scikit-learn"),
        licence="BSD-3-Clause package; china.jpg and flower.jpg are CC BY 2.0",
        used_for="test, golden examples",
    ),
)


@dataclass(frozen=True, slots=True)
class Photos:
    """Image files by their role; no photo, nor a copy of it in another size, has two."""

    calibration: list[bytes]
    validation: list[bytes]
    test: list[bytes]


def load_photos() -> Photos:
    """60 photos to calibrate with, 65 to choose by, and 117 to judge by; always the same."""
    photos = _gcompris()
    order = np.random.default_rng(0).permutation(len(photos))
    shuffled = [photos[i] for i in order]
    others = shuffled[CALIBRATION.stop : VALIDATION.start] + shuffled[VALIDATION.stop :]
    test = others + list(scikit_photos().values())
    return Photos(calibration=shuffled[CALIBRATION], validation=shuffled[VALIDATION], test=test)


def scikit_photos() -> dict[str, bytes]:
    """The photos that come with scikit-image and scikit-learn, by what they show."""
    folders = {"skimage": Path(skimage.__file__).parent, "sklearn": Path(sklearn.__file__).parent}
    return {name: (folders[package] / file).read_bytes() for name, (package, file) in SCIKIT.items()}


def _gcompris() -> list[bytes]:
    folder = fetch_debian(GCOMPRIS) / "usr/share/gcompris-qt/rcc"
    files = [
        content
        for activity in ACTIVITIES
        for name, content in read_resources(folder / f"{activity}.rcc")
        if name.endswith(".webp") and min(Image.open(BytesIO(content)).size) >= MIN_SIDE
    ]
    return _without_copies(files)


def _without_copies(files: list[bytes]) -> list[bytes]:
    """Each photo once, in the last of its sizes."""
    thumbnails = np.stack([tiny_vector(file) for file in files])
    has_later_copy = np.triu(thumbnails @ thumbnails.T > ALIKE, k=1).any(axis=1)
    return [files[i] for i in np.flatnonzero(~has_later_copy)]


def tiny_vector(file: bytes) -> npt.NDArray[np.float32]:
    """A tiny version of a photo as a vector of mean 0 and length 1."""
    pixels = Image.open(BytesIO(file)).convert("RGB").resize((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.BOX)
    vector = np.asarray(pixels, np.float32).ravel()
    vector -= vector.mean()
    vector /= max(float(np.linalg.norm(vector)), 1e-6)  # of one colour it has none
    return vector


def tiny_photos() -> Photos:
    """A few photos that need no download."""
    few = list(scikit_photos().values())
    return Photos(calibration=few[:3], validation=[], test=few[3:])


def squares(files: Sequence[bytes], side: int) -> npt.NDArray[np.uint8]:
    """Photos as the service would see them."""
    return np.stack([read_square(file, side, MARGIN) for file in files])


def thumbnail(photo: bytes) -> bytes:
    """The central square of a photo as a JPEG of at most 4.5 kB."""
    size = PREVIEW_SIDE, PREVIEW_SIDE
    square = ImageOps.fit(Image.open(BytesIO(photo)).convert("RGB"), size, Image.Resampling.BICUBIC)
    small = BytesIO()
    square.save(small, "JPEG", quality=PREVIEW_QUALITY, optimize=True)
    return small.getvalue()
