import numpy as np
import pytest
import torch

from training.data.fashion_mnist import LABELS, tiny_fashion_mnist
from training.networks.garment_classifier import GarmentClassifier, mirrored_mean, normalised
from training.networks.picture_resnet import PictureResNet
from training.recipes import fashion_mnist as recipe


@pytest.fixture
def classifier() -> GarmentClassifier:
    torch.manual_seed(0)
    return GarmentClassifier(PictureResNet(len(LABELS), width=8), 1.0).eval()


@torch.inference_mode()
def test_a_negative_and_a_mirror_image_get_the_same_answer(classifier: GarmentClassifier) -> None:
    pixels = tiny_fashion_mnist().test.pixels
    images = torch.from_numpy(recipe.rgb(pixels))
    expected = classifier(images)
    torch.testing.assert_close(classifier(255 - images), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(classifier(images.flip(2)), expected, rtol=0, atol=1e-5)
    torch.testing.assert_close(expected.sum(1), torch.ones(len(pixels)))


@torch.inference_mode()
def test_a_colour_is_read_as_its_brightness(classifier: GarmentClassifier) -> None:
    colour = np.zeros((2, 28, 28, 3), np.uint8)
    colour[0, 8:20, 8:20] = (200, 100, 50)
    colour[1, 8:20, 8:20] = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    one, other = classifier(torch.from_numpy(colour))
    torch.testing.assert_close(one, other, rtol=0, atol=1e-3)


@torch.inference_mode()
def test_the_graph_reads_light_on_dark_as_the_network_was_trained(classifier: GarmentClassifier) -> None:
    pixels = torch.from_numpy(tiny_fashion_mnist().test.pixels)
    expected = mirrored_mean(classifier.network, normalised(pixels)).softmax(1)
    found = classifier(torch.from_numpy(recipe.rgb(pixels.numpy())))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
