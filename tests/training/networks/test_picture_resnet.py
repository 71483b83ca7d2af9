import pytest
import torch
from torch import nn

from training.networks.picture_resnet import PictureResNet, convolution


@pytest.fixture
def network() -> PictureResNet:
    torch.manual_seed(0)
    return PictureResNet(10, width=8).eval()


@torch.inference_mode()
def test_logits_are_a_linear_function_of_the_features(network: PictureResNet) -> None:
    pictures = torch.rand(5, 1, 28, 28)
    assert network.features(pictures).shape == (5, 32)
    torch.testing.assert_close(network(pictures), network.classes(network.features(pictures)))


@torch.inference_mode()
def test_a_picture_is_judged_alone(network: PictureResNet) -> None:
    pictures = torch.rand(5, 1, 28, 28)
    torch.testing.assert_close(network(pictures)[2:3], network(pictures[2:3]), rtol=0, atol=1e-5)


@torch.inference_mode()
def test_pooled_before_or_after_normalisation_and_relu_is_the_same_where_scales_are_positive() -> None:
    torch.manual_seed(0)
    cheap = convolution(3, 4, pooled=True)
    norm = cheap[2]
    assert isinstance(norm, nn.BatchNorm2d)
    norm.weight.uniform_(0.5, 2)
    norm.bias.normal_()
    cheap.eval()
    usual = nn.Sequential(cheap[0], norm, nn.ReLU(), nn.MaxPool2d(2))
    pictures = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(cheap(pictures), usual(pictures))
