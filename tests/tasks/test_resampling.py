from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import skimage.data
from PIL import Image

from app.tasks.resampling import resample

PHOTO = Image.fromarray(skimage.data.chelsea())  # 451 x 300
BICUBIC = Image.Resampling.BICUBIC


def of_pillow(image: Image.Image, left: float, top: float, side: float, size: int) -> np.ndarray:
    rows = image.resize((size, image.height), BICUBIC, (left, 0, left + side, image.height))
    return np.asarray(rows.resize((size, size), BICUBIC, (0, top, size, top + side)))


@pytest.mark.parametrize(
    ("width", "height", "left", "top", "side", "size"),
    [
        pytest.param(335, 500, 20.9375, 103.4375, 293.125, 224, id="a little smaller"),
        pytest.param(1200, 900, 206.25, 56.25, 787.5, 224, id="much smaller"),
        pytest.param(3000, 2000, 0.3, 1.7, 1990.5, 30, id="a hundredth"),
        pytest.param(100, 60, 23.75, 3.75, 52.5, 224, id="larger"),
        pytest.param(8, 8, 0, 0, 8, 100, id="the smallest"),
        pytest.param(224, 224, 0, 0, 224, 224, id="as it is"),
        pytest.param(224, 250, 0, 26, 224, 224, id="all of the width, down to the edge"),
        pytest.param(5000, 9, 2496, 0.5, 8, 12, id="in a strip"),
        pytest.param(300, 300, 0.01, 0.02, 299.97, 1001, id="a size that no block divides"),
    ],
)
def test_it_is_the_bicubic_filter_of_pillow(
    width: int, height: int, left: float, top: float, side: float, size: int
) -> None:
    image = PHOTO.resize((width, height))
    difference = resample(np.asarray(image), left, top, side, size).astype(int) - of_pillow(
        image, left, top, side, size
    )
    # A level here and there, where a sum lies between two; two where that happens in both steps.
    assert np.abs(difference).max() <= 2
    assert np.abs(difference).mean() < 0.01


def test_what_lies_beyond_the_levels_is_cut_off() -> None:
    edge = np.zeros((16, 16, 3), np.uint8)
    edge[:, 8:] = 255
    larger = resample(edge, 0, 0, 16, 64)
    assert (larger[:, :24] == 0).all()
    assert (larger[:, 40:] == 255).all()


def test_threads_do_not_share_numbers() -> None:
    images = [np.asarray(PHOTO.rotate(angle)) for angle in range(0, 360, 10)]
    expected = [resample(image, 75.5, 0, 300, 224) for image in images]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(3):
            found = list(threads.map(lambda image: resample(image, 75.5, 0, 300, 224), images))
            assert all(np.array_equal(*pair) for pair in zip(found, expected, strict=True))
