import torch

from training.measures.likelihood import bits_per_pixel, dequantised


def test_bits_per_pixel_are_eight_where_every_level_is_as_likely() -> None:
    assert bits_per_pixel(torch.tensor(0.0)).item() == 8


def test_dequantised_pixels_stay_within_their_level() -> None:
    pixels = torch.randint(0, 256, (3, 28, 28), dtype=torch.uint8)
    found = dequantised(pixels)
    assert found.shape == (3, 1, 28, 28)
    assert torch.equal((found[:, 0] * 256).floor().to(torch.uint8), pixels)
