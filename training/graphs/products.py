"""Products of a decoder's graph, none of which lets a row know its neighbours: in fp32, in 8 bits, in blocks.

A scale over the whole batch, as quantization at run time usually has it, would make an answer depend on its company.
"""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from app.tensors import Array
from training.graphs.digits import by_digits
from training.graphs.linear import (
    TINY,
    ArrayLayer,
    Fp32Products,
    Layer,
    Products,
    array_of,
    biased,
    by_row,
    int8_lookup,
    magnitudes,
    parameters,
)
from training.graphs.writer import ONNX_RUNTIME, GraphWriter

BLOCK = 32  # weights that share a scale
IN_INTEGERS = 4  # accuracy_level: activations are quantized to 8 bits, by row and block


class DecoderProducts(Products, Protocol):
    def head(self, graph: GraphWriter, rows: str, table: Any) -> str:
        """Each of `rows` [rows, width] times each entry of the table [entries, width], fp32 [rows, entries]."""
        ...


class Fp32DecoderProducts(Fp32Products):
    def head(self, graph: GraphWriter, rows: str, table: Any) -> str:
        # Not MatMul: the table is stored once, for the embeddings, too.
        return graph.add("Gemm", [rows, graph.constant(array_of(table))], transB=1)


class RowInt8Products:
    """Activations in 8 bits with a scale for each row, weights in 8 with a scale for each output."""

    def linear(self, graph: GraphWriter, rows: str, layers: Sequence[Layer], *, after_gelu: bool = False) -> list[str]:
        return by_row(graph, rows, magnitudes(graph, rows), TINY, layers)

    def head(self, graph: GraphWriter, rows: str, table: Any) -> str:
        return self.linear(graph, rows, [ArrayLayer(array_of(table))])[0]

    def lookup(self, graph: GraphWriter, table: Any, indices: str) -> str:
        return int8_lookup(graph, table, indices)


class BlockProducts:
    """Weights in 8 or 4 bits with a scale for each BLOCK of an output's; ONNX Runtime quantizes the activations.

    In 4 bits the least weight of a block is exact, as in GGUF's Q4_1: ONNX Runtime's zero points are whole codes, and
    the rest is added as a small product. The head is then in 8 bits by row: 16 steps are too few for it.
    """

    def __init__(self, bits: Literal[4, 8]) -> None:
        self._bits = bits

    def linear(self, graph: GraphWriter, rows: str, layers: Sequence[Layer], *, after_gelu: bool = False) -> list[str]:
        found = list(map(parameters, layers))
        sums = _block_sums(graph, rows, found[0][0].shape[1]) if self._bits == 4 else ""
        return [biased(graph, self._product(graph, rows, weight, sums), bias) for weight, bias in found]

    def head(self, graph: GraphWriter, rows: str, table: Any) -> str:
        products = self if self._bits == 8 else RowInt8Products()
        return products.linear(graph, rows, [ArrayLayer(array_of(table))])[0]

    def lookup(self, graph: GraphWriter, table: Any, indices: str) -> str:
        return int8_lookup(graph, table, indices)

    def _product(self, graph: GraphWriter, rows: str, weight: Array, sums: str) -> str:
        found = blocks(weight, self._bits)
        answer = graph.add(
            "MatMulNBits",
            [rows, *map(graph.constant, (found.codes, found.scales, found.zeros))],
            domain=ONNX_RUNTIME,
            K=weight.shape[1],
            N=weight.shape[0],
            bits=self._bits,
            block_size=BLOCK,
            accuracy_level=IN_INTEGERS,
        )
        if not sums:
            return answer
        return graph.add("Add", [answer, graph.add("MatMul", [sums, graph.constant(found.rests.T.copy())])])


class MixedProducts:
    """All in blocks of 8 bits, but for the gates: what reads the rows of a norm, whose channels were made alike.

    Gates are half of the weights. With a scale for each row and each output a prompt is read in three quarters of the
    time. Other products lose by it: the head, in which near tokens are told apart, and what reads wide rows.
    """

    def __init__(self) -> None:
        self._blocks, self._by_row = BlockProducts(8), RowInt8Products()

    def linear(self, graph: GraphWriter, rows: str, layers: Sequence[Layer], *, after_gelu: bool = False) -> list[str]:
        are_gates = len(layers) > 1  # with what they let through; a decoder asks for all else one by one
        products: Products = self._by_row if are_gates else self._blocks
        return products.linear(graph, rows, layers, after_gelu=after_gelu)

    def head(self, graph: GraphWriter, rows: str, table: Any) -> str:
        return self._blocks.head(graph, rows, table)

    def lookup(self, graph: GraphWriter, table: Any, indices: str) -> str:
        return int8_lookup(graph, table, indices)


class DigitProducts(MixedProducts):
    """Gates, and square layers, which attention's answers go through, by row in 8 bits; the head in blocks of them.

    All else reads rows in two digits of 7 bits each, with a scale for each output. For processors that multiply
    integers of 8 bits fast, two such products take half the time of one in blocks, and keep about as much.
    """

    def linear(self, graph: GraphWriter, rows: str, layers: Sequence[Layer], *, after_gelu: bool = False) -> list[str]:
        if len(layers) > 1 or _is_square(layers[0]):
            return self._by_row.linear(graph, rows, layers)
        return by_digits(graph, rows, layers)


class Blocks(NamedTuple):
    """A weight [outputs, inputs] as MatMulNBits takes it, in blocks along the inputs.

    `codes`: uint8 [outputs, blocks, BLOCK * bits / 8]; `scales`: fp32 [outputs, blocks]; `zeros`, the codes of 0: uint8
    [outputs, bytes]. Two codes of 4 bits share a byte, the first in its lower half. `rests`: fp32 [outputs, blocks],
    what is to be added to each weight of a block: 0 in 8 bits.
    """

    codes: Array
    scales: Array
    zeros: Array
    rests: Array


def blocks(weight: Array, bits: Literal[4, 8]) -> Blocks:
    outputs, inputs = weight.shape
    most = 2**bits - 1
    parts = np.pad(weight, ((0, 0), (0, -inputs % BLOCK))).reshape(outputs, -1, BLOCK)
    least, largest = np.minimum(parts.min(-1), 0), np.maximum(parts.max(-1), 0)
    if bits == 4:
        least, largest = parts.min(-1), parts.max(-1)
    scales = (np.where(largest > least, largest - least, 1) / most).astype(np.float32)
    zeros = np.clip(np.round(-least / scales), 0, most)
    rests = (least + zeros * scales if bits == 4 else np.zeros_like(least)).astype(np.float32)
    codes = np.clip(np.round((parts - rests[..., None]) / scales[..., None] + zeros[..., None]), 0, most)
    return Blocks(_packed(codes.astype(np.uint8), bits), scales, _packed(zeros.astype(np.uint8), bits), rests)


def _packed(codes: Array, bits: int) -> Array:
    if bits == 8:
        return codes
    codes = np.pad(codes, (*[(0, 0)] * (codes.ndim - 1), (0, codes.shape[-1] % 2)))
    return np.asarray(codes[..., ::2] | codes[..., 1::2] << 4, np.uint8)


def _block_sums(graph: GraphWriter, rows: str, inputs: int) -> str:
    """The sum of each block of `rows` [..., inputs], fp32 [..., blocks]."""
    belongs = np.arange(inputs)[:, None] // BLOCK == np.arange(-(-inputs // BLOCK))
    return graph.add("MatMul", [rows, graph.constant(belongs.astype(np.float32))])


def _is_square(layer: Layer) -> bool:
    outputs, inputs = layer.weight.shape
    return bool(outputs == inputs)
