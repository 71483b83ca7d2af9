import torch

from training.baselines.class_pca import ClassPCA
from training.data.fashion_mnist import LABELS, tiny_fashion_mnist
from training.loop.variational import code_moments
from training.measures.likelihood import dequantised
from training.networks.picture_vae import PictureVAE


def test_another_seed_is_judged_with_other_random_numbers() -> None:
    garments = tiny_fashion_mnist().train
    network = PictureVAE(len(LABELS), latent=3, width=4).eval()
    one, again, other = (code_moments(network, garments, seed)[0] for seed in (0, 0, 1))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    one, again, other = (ClassPCA(garments, 2, seed).squared_error(garments) for seed in (0, 0, 1))
    assert one == again != other


def test_noise_that_is_moved_by_the_moments_of_a_class_has_them() -> None:
    torch.manual_seed(0)
    network = PictureVAE(len(LABELS), latent=3, width=4).eval()
    garments = tiny_fashion_mnist(50).train
    means, factors = code_moments(network, garments, 0)
    with torch.inference_mode():
        code = network.encode(dequantised(torch.from_numpy(garments.pixels)), torch.from_numpy(garments.classes))
    mine = torch.from_numpy(garments.classes == 4)
    torch.testing.assert_close(means[4], code.mean[mine].mean(0), rtol=0, atol=0.05)
    expected = code.mean[mine].T.cov() + code.log_variance[mine].exp().mean(0).diag()
    torch.testing.assert_close(factors[4] @ factors[4].T, expected, rtol=0, atol=0.05)
