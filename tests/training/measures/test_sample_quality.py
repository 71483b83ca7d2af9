from pathlib import Path

import numpy as np
import pytest
import torch
from torch.export import Dim

from training.errors import TrainingError
from training.graphs.export import to_onnx
from training.measures.samples import Judge, frechet_distance, newest_graph
from training.networks.garment_classifier import GarmentClassifier
from training.networks.picture_resnet import PictureResNet


def test_a_sample_is_at_no_distance_from_itself() -> None:
    features = np.random.default_rng(0).standard_normal((500, 6))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_two_normal_distributions_is_the_known_one() -> None:
    """|m1 - m2|^2 + sum (s1 - s2)^2 where covariances are diagonal."""
    random = np.random.default_rng(0)
    one = random.standard_normal((200_000, 3)) * [1, 2, 3]
    other = random.standard_normal((200_000, 3)) * [2, 2, 1] + [0, 5, 0]
    assert frechet_distance(one, other) == pytest.approx(25 + 1 + 0 + 4, rel=0.01)
    assert frechet_distance(one, other) == pytest.approx(frechet_distance(other, one))


def test_constant_features_do_no_harm() -> None:
    one = np.random.default_rng(0).standard_normal((50, 4)) * [1, 0, 0, 1]
    other = one + np.array([0, 0, 3, 0])
    assert frechet_distance(one, other) == pytest.approx(9)


def test_the_judge_sees_the_features_of_the_network_that_was_exported(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = PictureResNet(10, width=8).eval()
    pixels = np.random.default_rng(0).integers(0, 120, (7, 28, 28), np.uint8)
    images = torch.from_numpy(np.repeat(pixels[..., np.newaxis], 3, axis=3))
    graph = to_onnx(
        GarmentClassifier(network, 1.0).eval(), [images], tmp_path / "model.onnx",
        input_names=["image"], output_names=["probabilities"], dynamic_shapes=[{0: Dim("batch")}],
    )  # fmt: skip
    seen = Judge(graph).look_at(pixels)
    with torch.inference_mode():
        pictures = (torch.from_numpy(pixels)[:, None].float() / 255 - 0.286) / 0.353
        expected = (network.features(pictures) + network.features(pictures.flip(3))) / 2
        classes = network.classes(expected).argmax(1)
    assert np.abs(seen.features - expected.numpy()).max() < 1e-3
    assert seen.classes.tolist() == classes.tolist()


def test_without_the_judge_it_says_what_to_make_first(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"has no fashion-mnist.*python -m training fashion-mnist"):
        newest_graph(tmp_path, "fashion-mnist")
