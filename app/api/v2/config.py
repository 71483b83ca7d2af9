"""The configuration of a model as Triton's clients read it, made of our manifest: there is no config.pbtxt here.

Names and values are those of Triton's `model_config.proto`, written as JSON.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.api.v2.ends import inputs_of, outputs_of, writes_text
from app.repository.manifest import Manifest
from app.tensors import TensorSpec

BACKENDS = {"onnx": "onnxruntime", "pytorch": "pytorch", "pipeline": "", "cascade": ""}
PLATFORMS = {"onnx": "onnxruntime_onnx", "pytorch": "pytorch_libtorch", "pipeline": "ensemble", "cascade": "ensemble"}
CHANNELS = (1, 3)  # of a picture: grey, or red, green and blue

Format = Literal["FORMAT_NONE", "FORMAT_NHWC", "FORMAT_NCHW"]


class Reshape(BaseModel):
    """The shape that the graph sees instead of `dims`, which are never empty in a configuration."""

    shape: list[int]


class ConfigTensor(BaseModel):
    """Dimensions without the batch, if the model has batches; -1 marks one that varies."""

    name: str
    data_type: str
    dims: list[int]
    reshape: Reshape | None = None


class ConfigInput(ConfigTensor):
    format: Annotated[Format, Field(description="where a picture has its channels; FORMAT_NONE if it is none")]


class TransactionPolicy(BaseModel):
    """Decoupled is a model that may give several answers to one request, as those do that write text."""

    decoupled: bool = False


class ModelConfig(BaseModel):
    """`max_batch_size` is 0 if the first dimension of the tensors does not count rows."""

    name: str
    platform: str
    backend: str
    max_batch_size: int
    input: list[ConfigInput]
    output: list[ConfigTensor]
    default_model_filename: str
    model_transaction_policy: TransactionPolicy = TransactionPolicy()


def config_of(manifest: Manifest) -> ModelConfig:
    inputs, outputs = inputs_of(manifest), outputs_of(manifest)
    specs = [*inputs, *outputs]
    has_batches = (
        bool(specs) and all(spec.shape[:1] == (-1,) for spec in specs) and manifest.config.get("batched", True)
    )
    return ModelConfig(
        name=manifest.name,
        platform=PLATFORMS[manifest.runtime],
        backend=BACKENDS[manifest.runtime],
        max_batch_size=manifest.batching.max_batch_size if has_batches else 0,
        input=[ConfigInput(**_tensor(spec, has_batches), format=_format(spec)) for spec in inputs],
        output=[ConfigTensor(**_tensor(spec, has_batches)) for spec in outputs],
        default_model_filename=next(iter(manifest.graphs.values()), ""),
        model_transaction_policy=TransactionPolicy(decoupled=writes_text(manifest)),
    )


def _tensor(spec: TensorSpec, has_batches: bool) -> dict[str, object]:
    dims = list(spec.shape[1:] if has_batches else spec.shape)
    data_type = "TYPE_STRING" if spec.datatype == "BYTES" else f"TYPE_{spec.datatype}"
    shape = {} if dims else {"reshape": Reshape(shape=[])}
    return {"name": spec.name, "data_type": data_type, "dims": dims or [1], **shape}


def _format(spec: TensorSpec) -> Format:
    """Four dimensions of which one has as many as a picture has channels: batch, height, width, channels, or NCHW."""
    if len(spec.shape) != 4:
        return "FORMAT_NONE"
    if spec.shape[3] in CHANNELS:
        return "FORMAT_NHWC"
    return "FORMAT_NCHW" if spec.shape[1] in CHANNELS else "FORMAT_NONE"
