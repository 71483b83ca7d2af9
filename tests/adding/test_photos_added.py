from pathlib import Path

import numpy as np
import pytest
from graphs import save
from onnx import helper

from app.adding.command import Wishes, add
from app.adding.pictures import SCALES
from app.errors import InvalidInput
from app.repository.repository import ModelRepository
from app.tasks.image_features import ImageFeaturesConfig


def pooled(path: Path, datatype: str, shape: list, axes: list[int]) -> Path:
    """The mean colour of each photo, [n, 3]."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=1),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["mean"], keepdims=0),
    ]
    inputs, outputs = [("pixels", datatype, shape)], [("mean", "FP32", ["n", 3])]
    return save(path, nodes, inputs, outputs, axes=np.array(axes, np.int64))


@pytest.mark.parametrize(
    ("scale", "datatype", "shape", "axes", "layout"),
    [
        ("uint8", "UINT8", ["n", 32, 32, 3], [1, 2], "nhwc"),
        ("imagenet", "FP32", ["n", 3, 32, 32], [2, 3], "nchw"),
        ("signed", "FP32", ["n", 3, "size", "size"], [2, 3], "nchw"),
        ("unit", "FP32", [1, 3, 32, 32], [2, 3], "nchw"),
    ],
)
def test_a_graph_that_reads_photos_is_given_them_as_it_was_trained(tmp_path, scale, datatype, shape, axes, layout):
    file = pooled(tmp_path / "features.onnx", datatype, shape, axes)
    add(file, "photo-features", tmp_path / "models", Wishes(photos=scale))
    manifest = ModelRepository(tmp_path / "models").read("photo-features", 1)
    config = ImageFeaturesConfig.model_validate(manifest.config)
    assert manifest.task == "image-feature-extraction"
    assert (config.input, config.output, config.layout) == ("pixels", "mean", layout)
    assert config.image_size == (224 if "size" in shape else 32)
    assert (manifest.batching.max_batch_size == 1) == (shape[0] == 1)
    assert manifest.provenance
    assert manifest.provenance.command.endswith(f"--photos {scale}")
    low, high = {"uint8": (0, 255), "unit": (0, 1), "signed": (-1, 1), "imagenet": (-3, 3)}[scale]
    assert all(low < number < high for number in manifest.golden[0].output)
    assert len(manifest.golden[0].output) == 3


@pytest.mark.parametrize(
    ("scale", "datatype", "shape", "says"),
    [
        ("imagenet", "UINT8", ["n", 32, 32, 3], "would have to be FP32, and is UINT8"),
        ("uint8", "FP32", ["n", 32, 32, 3], "would have to be UINT8, and is FP32"),
        ("unit", "FP32", ["n", 32, 16, 3], r"photos are \[n, 3, size, size\]"),
        ("unit", "FP32", ["n", 32, 32, 4], r"has shape \[-1, 32, 32, 4\]"),
    ],
)
def test_one_that_cannot_be_given_photos_is_not_published(tmp_path, scale, datatype, shape, says):
    file = pooled(tmp_path / "features.onnx", datatype, shape, [1, 2])
    with pytest.raises(InvalidInput, match=says):
        add(file, "photo-features", tmp_path / "models", Wishes(photos=scale))
    assert not (tmp_path / "models").exists()


def test_the_ways_of_scaling_are_those_of_the_command():
    assert [*SCALES] == ["uint8", "unit", "signed", "imagenet"]
