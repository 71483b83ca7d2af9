from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from app.abandoned import Abandoned, wanted_while
from app.tasks.masks import classes_of, mask_of


def by_torch(logits: np.ndarray, height: int, width: int) -> np.ndarray:
    whole = torch.nn.functional.interpolate(torch.from_numpy(logits)[None], size=(height, width), mode="bilinear")
    return np.asarray(whole[0].argmax(0))


@pytest.mark.parametrize(
    ("grid", "size"),
    [
        ((5, 8, 9), (300, 200)),
        ((5, 64, 48), (37, 61)),
        ((3, 1, 1), (20, 30)),
        ((3, 1, 7), (20, 300)),
        ((7, 16, 16), (1500, 40)),
        ((20, 32, 32), (33, 32)),
        ((300, 4, 4), (16, 700)),
        ((2, 8, 8), (8, 8)),
    ],
    ids=str,
)
def test_each_pixel_has_the_class_that_torch_gives_it(grid: tuple[int, ...], size: tuple[int, int]) -> None:
    logits = np.random.default_rng(0).standard_normal(grid).astype(np.float32)
    found = classes_of(logits, *size)
    assert np.array_equal(found, by_torch(logits, *size))
    assert found.dtype == (np.uint8 if grid[0] < 256 else np.uint16)


def test_of_equal_scores_the_first_class_wins() -> None:
    assert not classes_of(np.zeros((4, 5, 6), np.float32), 50, 60).any()


def test_a_mask_is_white_where_the_class_is() -> None:
    classes = np.array([[0, 1, 1], [2, 1, 0]], np.uint8)
    mask = Image.open(BytesIO(mask_of(classes, 1)))
    assert (mask.mode, mask.size) == ("L", (3, 2))
    assert np.asarray(mask).tolist() == [[0, 255, 255], [0, 255, 0]]


def test_work_ends_when_nobody_waits_any_more() -> None:
    with wanted_while(lambda: False), pytest.raises(Abandoned):
        classes_of(np.zeros((2, 4, 4), np.float32), 8, 8)
