import math

import pytest
import torch

from training.networks.picture_vae import Code, PictureVAE, VAESampler


@pytest.fixture
def network() -> PictureVAE:
    torch.manual_seed(0)
    return PictureVAE(10, latent=4, width=8).eval()


def test_a_code_like_the_prior_costs_nothing_and_another_what_the_formula_says() -> None:
    mean, log_variance = torch.randn(3, 4), torch.randn(3, 4)
    expected = torch.distributions.kl_divergence(
        torch.distributions.Normal(mean, (0.5 * log_variance).exp()), torch.distributions.Normal(0, 1)
    ).sum(1)
    torch.testing.assert_close(Code(mean, log_variance).divergence(), expected)
    assert Code(torch.zeros(1, 4), torch.zeros(1, 4)).divergence().item() == 0


def test_the_likelihood_is_that_of_a_normal_distribution_around_the_painted_pixels(network: PictureVAE) -> None:
    pictures, means = torch.rand(3, 1, 28, 28), torch.rand(3, 1, 28, 28)
    expected = torch.distributions.Normal(means, math.exp(-1)).log_prob(pictures).flatten(1).sum(1)
    torch.testing.assert_close(network.log_likelihood(pictures, means), expected, rtol=1e-5, atol=1e-3)


@torch.inference_mode()
def test_painted_pixels_lie_between_black_and_white_and_depend_on_the_class(network: PictureVAE) -> None:
    latent = torch.zeros(2, 4)
    painted = network.decode(latent, torch.tensor([0, 1]))
    assert painted.shape == (2, 1, 28, 28)
    assert 0 <= painted.min() <= painted.max() <= 1
    assert not torch.equal(painted[0], painted[1])


def test_a_few_steps_raise_the_bound(network: PictureVAE) -> None:
    network.train()
    pictures, classes = torch.rand(1, 1, 28, 28).expand(8, -1, -1, -1), torch.arange(8)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)
    bounds = []
    for _ in range(20):
        bound = network(pictures, classes).mean()
        optimizer.zero_grad()
        (-bound / 784).backward()
        optimizer.step()
        bounds.append(bound.item())
    assert sum(bounds[-3:]) > sum(bounds[:3])


@torch.inference_mode()
def test_noise_is_moved_to_where_the_codes_of_the_class_lie(network: PictureVAE) -> None:
    means, factors = torch.randn(10, 4), torch.randn(10, 4, 4)
    noise, classes = torch.randn(3, 4), torch.tensor([7, 0, 7])
    painted = VAESampler(network, means, factors)(noise, classes)
    assert (painted.dtype, painted.shape) == (torch.uint8, (3, 28, 28, 1))
    latent = torch.stack([means[label] + factors[label] @ row for label, row in zip(classes, noise, strict=True)])
    expected = (255 * network.decode(latent, classes)).round()
    assert (painted[..., 0] - expected[:, 0]).abs().max() <= 1
