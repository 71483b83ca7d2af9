"""A float graph becomes an 8-bit one: static quantization of convolutional networks."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from app.tensors import Tensors

# What is worth it: convolutions and the classifier, with the activations that follow them. Everything else stays in
# float: normalisation and softmax because 8 bits are too few, residual sums because they are not faster in int8.
LAYERS = ("Conv", "Gemm")
QUANTIZED = (*LAYERS, "Clip")


def quantize_static_int8(source: Path, target: Path, batches: Sequence[Tensors], *, float_layers: int = 0) -> Path:
    """Write the graph at `source` with int8 weights (per channel) and uint8 activations, and return `target`.

    `batches` calibrate: the range of each activation is what they span. The first `float_layers` layers with weights
    stay in float: in a convolutional network those weights, a few per channel, suffer most.
    """
    prepared = target.with_suffix(".prepared.onnx")
    quant_pre_process(source, prepared, skip_symbolic_shape=True)
    quantize_static(
        prepared,
        target,
        _Batches(batches),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=list(QUANTIZED),
        nodes_to_exclude=_first_layers(onnx.load(prepared), float_layers),
        # The classifier's own answers stay in float: in 256 steps near classes would get exactly the same score.
        extra_options={"OpTypesToExcludeOutputQuantization": ["Gemm"]},
    )
    prepared.unlink()
    return target


def _first_layers(model: onnx.ModelProto, count: int) -> list[str]:
    """Names of the nodes before layer number `count`, counted from 0 in the order of the graph."""
    names: list[str] = []
    for node in model.graph.node:
        if node.op_type in LAYERS:
            if count == 0:
                break
            count -= 1
        names.append(node.name)
    return names


class _Batches(CalibrationDataReader):  # type: ignore[misc] # the library has no types
    def __init__(self, batches: Sequence[Tensors]) -> None:
        self._batches: Iterator[Tensors] = iter(batches)

    def get_next(self) -> Tensors | None:
        return next(self._batches, None)
