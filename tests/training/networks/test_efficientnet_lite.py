import pytest
import torch
from torch import nn

from training.networks.efficientnet_lite import (
    SCALINGS,
    ConvNorm,
    EfficientNetLite,
    InvertedResidual,
    load_weights,
    scaled_channels,
)


def num_parameters(name: str, num_classes: int = 1000) -> int:
    with torch.device("meta"):  # shapes without numbers
        return sum(each.numel() for each in EfficientNetLite(SCALINGS[name], num_classes).parameters())


@pytest.mark.parametrize(
    ("name", "millions"), [("lite0", 4.7), ("lite1", 5.4), ("lite2", 6.1), ("lite3", 8.2), ("lite4", 13.0)]
)
def test_every_variant_has_the_published_number_of_parameters(name: str, millions: float) -> None:
    assert round(num_parameters(name) / 1e6, 1) == millions


def test_a_variant_has_as_many_parameters_as_its_channels_make() -> None:
    assert num_parameters("lite0") == 4_652_008
    assert num_parameters("lite0", num_classes=10) == 4_652_008 - 990 * 1281


@pytest.mark.parametrize("name", ["lite0", "lite2"])
def test_it_halves_the_sides_five_times_and_answers_logits(name: str) -> None:
    scaling = SCALINGS[name]
    network = EfficientNetLite(scaling, num_classes=7).eval()
    pixels = torch.zeros(2, 3, scaling.image_size, scaling.image_size)
    with torch.inference_mode():
        assert network.head(network.blocks(network.stem(pixels))).shape == (
            2,
            1280,
            *(2 * [-(-scaling.image_size // 32)]),
        )
        assert network(pixels).shape == (2, 7)


def test_an_answer_does_not_depend_on_its_neighbours_in_the_batch() -> None:
    network = EfficientNetLite(SCALINGS["lite0"]).eval()
    pixels = torch.randn(3, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.allclose(network(pixels)[1:2], network(pixels[1:2]), atol=1e-5)


@pytest.mark.parametrize(
    ("kernel", "side", "seen_by_first", "seen_by_last"),
    [
        pytest.param(3, 8, 3 * 3, 2 * 2, id="the one pixel for an even side goes to the end"),
        pytest.param(3, 7, 2 * 2, 2 * 2, id="an odd side is padded alike at both ends"),
        pytest.param(5, 8, 4 * 4, 3 * 3, id="of three pixels two go to the end"),
    ],
)
def test_padding_is_where_tensorflow_puts_it(kernel: int, side: int, seen_by_first: int, seen_by_last: int) -> None:
    layer = ConvNorm(1, 1, kernel=kernel, side=side, stride=2).eval()
    layer.norm = nn.Identity()
    nn.init.ones_(layer.conv.weight)
    with torch.inference_mode():
        seen = layer(torch.ones(1, 1, side, side))[0, 0]  # how many pixels of the image each output sees
    assert len(seen) == layer.out_side == 4
    assert (seen[0, 0], seen[-1, -1]) == (seen_by_first, seen_by_last)


def test_a_block_adds_its_input_only_where_the_shapes_allow_it() -> None:
    assert InvertedResidual(16, 16, 6, 3, 1, 8).is_residual
    assert not InvertedResidual(16, 16, 6, 3, 2, 8).is_residual
    assert not InvertedResidual(16, 24, 6, 3, 1, 8).is_residual


@pytest.mark.parametrize(
    ("channels", "width", "expected"), [(32, 1.0, 32), (16, 1.1, 16), (24, 1.4, 32), (40, 1.1, 48)]
)
def test_channels_are_multiples_of_eight_that_lose_at_most_a_tenth(channels: int, width: float, expected: int) -> None:
    assert scaled_channels(channels, width) == expected
    assert expected >= 0.9 * channels * width


def test_weights_with_other_names_in_the_same_order_are_loaded() -> None:
    source, target = EfficientNetLite(SCALINGS["lite0"]).eval(), EfficientNetLite(SCALINGS["lite0"]).eval()
    load_weights(target, {f"module.{name}": tensor for name, tensor in source.state_dict().items()})
    pixels = torch.ones(1, 3, 224, 224)
    with torch.inference_mode():
        assert torch.equal(source(pixels), target(pixels))


def test_weights_of_another_network_are_refused() -> None:
    network = EfficientNetLite(SCALINGS["lite0"])
    with pytest.raises(ValueError, match="not the weights of such a network"):
        load_weights(network, nn.Linear(2, 2).state_dict())
    with pytest.raises(ValueError, match=r"classifier.weight must have the shape \[1000, 1280\], and has \[10, 1280\]"):
        load_weights(network, EfficientNetLite(SCALINGS["lite0"], num_classes=10).state_dict())
