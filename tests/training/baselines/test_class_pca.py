import numpy as np
import pytest

from training.baselines.class_pca import ClassPCA
from training.data.fashion_mnist import Pictures, tiny_fashion_mnist


@pytest.fixture(scope="module")
def garments() -> Pictures:
    return tiny_fashion_mnist(100).train


def test_principal_components_give_back_what_they_can_say(garments: Pictures) -> None:
    """Noise of 60 levels has a variance of .0046; sixteen directions of 784 can say little of it."""
    few, many = ClassPCA(garments, 1, 0), ClassPCA(garments, 90, 0)
    assert 0.003 < few.squared_error(garments) < 0.0047
    assert many.squared_error(garments) < few.squared_error(garments) / 2
    assert 4 < few.bits_per_pixel(garments) < 8


def test_principal_components_paint_the_class_that_is_asked_for(garments: Pictures) -> None:
    baseline = ClassPCA(garments, 4, 0)
    painted = baseline.paint(np.array([0, 9, 0]), seed=1)
    assert painted.shape == (3, 28, 28)
    assert painted[0, 2:5, 6:-6].mean() > 150 > painted[1, 2:5, 6:-6].mean()
    assert painted[1, 20:23, 6:-6].mean() > 150 > painted[2, 20:23, 6:-6].mean()
    assert np.array_equal(painted, baseline.paint(np.array([0, 9, 0]), seed=1))
