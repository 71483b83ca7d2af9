from io import BytesIO

import numpy as np
from PIL import Image

from app.tasks.explanations.heat import LEAST_SIDE, overlay


def painted(heat: list[list[float]], side: int = 8) -> np.ndarray:
    square = np.full((side, side, 3), (200, 120, 40), np.uint8)
    return np.asarray(Image.open(BytesIO(overlay(square, np.array(heat)))).convert("RGB")).astype(int)


def is_grey(pixels: np.ndarray) -> bool:
    return bool((np.ptp(pixels, axis=-1) == 0).all())


def test_without_heat_the_picture_is_grey_and_large_enough_to_be_looked_at() -> None:
    cold = painted([[0.0, 0.0], [0.0, 0.0]])
    assert cold.shape == (LEAST_SIDE, LEAST_SIDE, 3)
    assert is_grey(cold)
    assert painted([[0.0]], side=300).shape == (300, 300, 3)


def test_what_spoke_for_something_else_has_no_colour() -> None:
    assert is_grey(painted([[-1.0, -5.0], [-2.0, -1.0]]))


def test_the_warmest_cell_is_the_most_coloured_whatever_the_unit_of_heat() -> None:
    small, large = painted([[0.0, 0.0], [0.0, 1e-3]]), painted([[0.0, 0.0], [0.0, 7.0]])
    assert np.abs(small - large).max() <= 1
    cold, middle, warm = (large[at : at + 20, at : at + 20] for at in (0, LEAST_SIDE // 2 - 10, LEAST_SIDE - 20))
    colour = [float(np.ptp(part, axis=-1).mean()) for part in (cold, middle, warm)]
    assert colour == sorted(colour)
    assert colour[2] > 5 * colour[0]
