import pytest

from app.api.v2.config import config_of
from app.repository.manifest import Manifest
from app.tensors import TensorSpec


def manifest(*inputs: TensorSpec, **fields) -> Manifest:
    return Manifest.model_validate(
        {
            "name": "m",
            "version": 1,
            "task": "tensors",
            "runtime": "onnx",
            "graphs": {"model": "model.onnx"},
            "files": {},
            "inputs": inputs,
            "outputs": [TensorSpec(name="y", datatype="FP32", shape=(-1, 4))],
            "batching": {"max_batch_size": 16},
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("shape", "form"),
    [
        ((-1, 224, 224, 3), "FORMAT_NHWC"),
        ((-1, 3, 224, 224), "FORMAT_NCHW"),
        ((-1, 1, 28, 28), "FORMAT_NCHW"),
        ((-1, 3, 224, 1), "FORMAT_NHWC"),
        ((-1, 12, 64, 64), "FORMAT_NONE"),
        ((-1, 224, 3), "FORMAT_NONE"),
        ((-1, -1), "FORMAT_NONE"),
    ],
)
def test_a_picture_is_known_by_where_its_channels_are(shape, form):
    (one,) = config_of(manifest(TensorSpec(name="x", datatype="FP32", shape=shape))).input
    assert one.format == form
    assert one.dims == list(shape[1:])


def test_without_batches_the_first_dimension_is_one_of_the_tensors():
    x = TensorSpec(name="x", datatype="INT64", shape=(-1, 8))
    batched = config_of(manifest(x))
    alone = config_of(manifest(x, config={"batched": False}))
    fixed = config_of(manifest(TensorSpec(name="x", datatype="INT64", shape=(1, 8))))
    assert (batched.max_batch_size, batched.input[0].dims, batched.output[0].dims) == (16, [8], [4])
    assert (alone.max_batch_size, alone.input[0].dims, alone.output[0].dims) == (0, [-1, 8], [-1, 4])
    assert (fixed.max_batch_size, fixed.input[0].dims) == (0, [1, 8])
