"""Products of activations with weights, as nodes of a graph: in fp32, and in 8 bits with smoothed activations.

A few channels of a transformer's activations are many times larger than the others, and 8 bits that span them leave the
others few. So each channel is divided by a factor that its weights are multiplied by: Xiao et al., "SmoothQuant", 2022,
https://arxiv.org/abs/2211.10438. The scales of smoothed activations are constants, found over real rows. What a GELU
gives varies too much for that: each row (token) gets a scale of its own while the graph runs, as in Yao et al.,
"ZeroQuant", 2022, https://arxiv.org/abs/2206.01861. Either way no row's answer depends on its batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from onnx import TensorProto

from app.tensors import Array
from training.graphs.writer import ONNX_RUNTIME, GraphWriter

SMOOTHING = 0.7  # how much of the spread of the channels moves from the activations to the weights
LARGEST_CODE = 127  # of an activation, around its zero point
ZERO_POINT = 128  # the middle of uint8
LARGEST_WEIGHT = 127  # of a pair, too: processors without VNNI add two products, each with a code to 255, in 16 bits
LEAST_GELU = 0.17  # magnitude of the most negative value that a GELU gives
TINY = 1e-6  # or a channel that is always 0 would be divided by 0


class Layer(Protocol):
    """A linear layer, of torch or as arrays: `weight` [outputs, inputs], `bias` [outputs] or None."""

    weight: Any
    bias: Any


@dataclass(slots=True, eq=False)
class ArrayLayer:
    """A linear layer as arrays."""

    weight: Array
    bias: Array | None = None


class Products(Protocol):
    """The way a graph multiplies with weights and looks up embeddings."""

    def linear(self, graph: GraphWriter, rows: str, layers: Sequence[Layer], *, after_gelu: bool = False) -> list[str]:
        """One output for each of `layers`, all of which read `rows`, fp32 [..., inputs]."""
        ...

    def lookup(self, graph: GraphWriter, table: Any, indices: str) -> str:
        """Rows of a table of embeddings [entries, width], as fp32."""
        ...


class Fp32Products:
    def linear(self, graph: GraphWriter, rows: str, layers: Sequence[Layer], *, after_gelu: bool = False) -> list[str]:
        return [
            biased(graph, graph.add("MatMul", [rows, graph.constant(weight.T.copy())]), bias)
            for weight, bias in map(parameters, layers)
        ]

    def lookup(self, graph: GraphWriter, table: Any, indices: str) -> str:
        return graph.add("Gather", [graph.constant(array_of(table)), indices])


class Int8Products:
    """Unsigned 8-bit activations times signed 8-bit weights; a weight has one scale for each output.

    `ranges`: of each input channel of a layer the largest magnitude, fp32 [inputs]; see graphs/ranges.py.
    """

    def __init__(self, ranges: Mapping[Any, Array]) -> None:
        self._ranges = ranges

    def linear(self, graph: GraphWriter, rows: str, layers: Sequence[Layer], *, after_gelu: bool = False) -> list[str]:
        if after_gelu:
            largest = graph.add("ReduceMax", [rows, graph.constant([-1])], keepdims=1)
            return by_row(graph, rows, largest, LEAST_GELU, layers)
        found = list(map(parameters, layers))
        steps = self._steps(layers[0], [weight for weight, _ in found])
        codes = codes_of(graph, graph.add("Mul", [rows, graph.constant(1 / steps)]))
        return [_product(graph, codes, weight * steps, bias) for weight, bias in found]

    def lookup(self, graph: GraphWriter, table: Any, indices: str) -> str:
        return int8_lookup(graph, table, indices)

    def _steps(self, layer: Layer, weights: Sequence[Array]) -> Array:
        """Return the value that one code of each input channel stands for, fp32 [inputs]."""
        activations = np.maximum(self._ranges[layer], TINY)
        largest = np.maximum(np.abs(np.concatenate(weights)).max(0), TINY)
        factors = activations**SMOOTHING / largest ** (1 - SMOOTHING)
        return np.asarray(factors * (activations / factors).max() / LARGEST_CODE, np.float32)


def by_row(graph: GraphWriter, rows: str, largest: str, least: float, layers: Sequence[Layer]) -> list[str]:
    """Products of `rows` with each of `layers`, in which a row has a scale of its own.

    `largest`: the largest magnitude of each row, [..., 1]; it is taken for `least` where it is smaller.
    """
    largest = graph.add("Max", [largest, graph.constant(np.float32(least))])
    code = graph.constant(np.float32(LARGEST_CODE))
    codes = codes_of(graph, graph.add("Mul", [rows, graph.add("Div", [code, largest])]))
    scale = graph.add("Div", [largest, code])
    return [
        biased(graph, graph.add("Mul", [_product(graph, codes, weight), scale]), bias)
        for weight, bias in map(parameters, layers)
    ]


def int8_lookup(graph: GraphWriter, table: Any, indices: str) -> str:
    """Rows of a table that is kept in 8 bits with a scale for each row."""
    codes, scales = quantized(array_of(table), LARGEST_CODE)
    found = graph.add("Gather", [graph.constant(codes), indices])
    found = graph.add("Cast", [found], to=TensorProto.FLOAT)
    return graph.add("Mul", [found, graph.add("Gather", [graph.constant(scales), indices])])


def biased(graph: GraphWriter, answer: str, bias: Array | None) -> str:
    return answer if bias is None else graph.add("Add", [answer, graph.constant(bias)])


def magnitudes(graph: GraphWriter, rows: str) -> str:
    """The largest magnitude of each row, [..., 1]."""
    return graph.add("ReduceMax", [graph.add("Abs", [rows]), graph.constant([-1])], keepdims=1)


def codes_of(graph: GraphWriter, scaled: str, zero_point: int = ZERO_POINT) -> str:
    return graph.add("QuantizeLinear", [scaled, graph.constant(np.float32(1)), graph.constant(np.uint8(zero_point))])


def _product(graph: GraphWriter, codes: str, weight: Array, bias: Array | None = None) -> str:
    """fp32 [..., outputs] of codes [..., inputs] and a weight [outputs, inputs]."""
    return integer_product(graph, codes, quantized(weight, LARGEST_WEIGHT, largest_of_pairs(weight)), bias=bias)


def integer_product(
    graph: GraphWriter,
    codes: str,
    weight: tuple[Array, Array],
    *,
    zero_point: int = ZERO_POINT,
    bias: Array | None = None,
) -> str:
    """fp32 [..., outputs] of codes [..., inputs] and a weight [outputs, inputs] as `quantized` gives it."""
    columns, scales = weight
    inputs = [codes, graph.constant(columns.T.copy()), graph.constant(np.float32(1)), graph.constant(scales[:, 0])]
    inputs += [graph.constant(np.uint8(zero_point))]
    if bias is not None:
        inputs += ["", graph.constant(bias)]
    return graph.add("MatMulIntegerToFloat", inputs, domain=ONNX_RUNTIME)


def largest_of_pairs(weight: Array) -> Array:
    """The largest magnitude of each row's entries and of its sums of neighbours that are multiplied together."""
    even = np.pad(weight, ((0, 0), (0, weight.shape[1] % 2)))
    largest: Array = np.maximum(np.abs(weight).max(1), np.abs(even[:, ::2] + even[:, 1::2]).max(1))
    return largest


def quantized(rows: Array, largest_code: int, largest: Array | None = None) -> tuple[Array, Array]:
    """int8 codes of a matrix and the scale of each of its rows, fp32 [rows, 1].

    `largest_code` stands for what is `largest` of each row, its largest magnitude if not given.
    """
    most = (np.abs(rows).max(1) if largest is None else largest)[:, None]
    scales = np.where(most > 0, most, 1) / largest_code
    return np.round(rows / scales).astype(np.int8), scales.astype(np.float32)


def parameters(layer: Layer) -> tuple[Array, Array | None]:
    """The weight [outputs, inputs] and the bias [outputs] of a layer, fp32."""
    bias = getattr(layer, "bias", None)
    return array_of(layer.weight), None if bias is None else array_of(bias)


def array_of(weights: Any) -> Array:
    """fp32 of a tensor of torch, or of an array."""
    if isinstance(weights, np.ndarray):
        return weights.astype(np.float32, copy=False)
    array: Array = weights.detach().float().numpy()
    return array


def joined(*layers: Layer) -> ArrayLayer:
    """One layer that gives what `layers` give of the same rows, one after the other; some may have no bias."""
    found = list(map(parameters, layers))
    weight = np.concatenate([weight for weight, _ in found])
    if all(bias is None for _, bias in found):
        return ArrayLayer(weight)
    biases = [np.zeros(len(weight), np.float32) if bias is None else bias for weight, bias in found]
    return ArrayLayer(weight, np.concatenate(biases))
