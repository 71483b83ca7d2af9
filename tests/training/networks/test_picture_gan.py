import pytest
import torch
from torch import nn

from training.networks.picture_gan import Critic, GANSampler, Generator, ModulatedNorm


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    return Generator(10, latent=4, width=16).eval()


@pytest.fixture
def critic() -> Critic:
    torch.manual_seed(0)
    return Critic(10, width=4)


@torch.inference_mode()
def test_painted_pixels_lie_between_black_and_white_and_depend_on_noise_and_class(generator: Generator) -> None:
    noise = torch.randn(2, 4)[[0, 0, 1]]
    painted = generator(noise, torch.tensor([0, 1, 0]))
    assert painted.shape == (3, 1, 28, 28)
    assert 0 <= painted.min() <= painted.max() <= 1
    assert not torch.equal(painted[0], painted[1])
    assert not torch.equal(painted[0], painted[2])


@torch.inference_mode()
def test_a_picture_does_not_depend_on_what_is_painted_beside_it(generator: Generator) -> None:
    noise, classes = torch.randn(5, 4), torch.arange(5)
    together = generator(noise, classes)
    alone = torch.cat([generator(noise[i : i + 1], classes[i : i + 1]) for i in range(5)])
    torch.testing.assert_close(alone, together, rtol=0, atol=1e-5)


@torch.inference_mode()
def test_a_norm_that_is_not_modulated_is_batch_normalisation() -> None:
    norm, pictures = ModulatedNorm(3, 2), torch.randn(8, 3, 5, 5) * 4 + 1
    norm.modulate.weight.zero_()
    norm.modulate.bias.copy_(torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0, 7.0]))  # three gains above one, three shifts
    found = norm(pictures, torch.randn(8, 2))
    torch.testing.assert_close(found.mean((0, 2, 3)), torch.tensor([0.0, 0.0, 7.0]), rtol=0, atol=1e-4)
    torch.testing.assert_close(found.std((0, 2, 3), correction=0), torch.tensor([1.0, 2.0, 1.0]), rtol=0, atol=1e-3)


def test_no_layer_of_the_critic_stretches_anything_once_its_norm_is_estimated(critic: Critic) -> None:
    """The weight as a matrix, in the sense of the paper; each forward estimates its norm a little better."""
    with torch.no_grad():
        for parameter in critic.parameters():
            parameter.mul_(5)
        for _ in range(200):
            critic(torch.rand(2, 1, 28, 28), torch.tensor([0, 1]))
        critic.eval()
        weighted = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d | nn.Linear | nn.Embedding)]
        norms = [torch.linalg.matrix_norm(layer.weight.flatten(1), 2).item() for layer in weighted]
    assert len(norms) == 6
    assert norms == [pytest.approx(1, abs=0.02)] * 6


def test_the_critic_judges_a_picture_as_a_member_of_its_class(critic: Critic) -> None:
    pictures = torch.rand(1, 1, 28, 28).expand(10, -1, -1, -1)
    scores = critic.eval()(pictures, torch.arange(10))
    assert scores.shape == (10,)
    assert len(scores.unique()) == 10


@torch.inference_mode()
def test_what_is_served_are_the_painted_pixels_in_bytes(generator: Generator) -> None:
    noise, classes = torch.randn(3, 4), torch.tensor([7, 0, 7])
    painted = GANSampler(generator)(noise, classes)
    assert (painted.dtype, painted.shape) == (torch.uint8, (3, 28, 28, 1))
    expected = (255 * generator(noise, classes)).round()
    assert (painted[..., 0] - expected[:, 0]).abs().max() == 0
