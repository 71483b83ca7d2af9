"""Products of rows in two digits with weights in 8 bits: nearly as if the rows were exact.

A row divided by its scale is a whole number and a rest, and the rest, made larger, is a whole number again. Both are
multiplied with the same weights at once, as rows one below the other.
"""

from collections.abc import Sequence

import numpy as np

from app.tensors import Array
from training.graphs.linear import (
    LARGEST_WEIGHT,
    TINY,
    Layer,
    biased,
    codes_of,
    integer_product,
    magnitudes,
    parameters,
    quantized,
)
from training.graphs.writer import GraphWriter

# A digit, around its zero point: of 7 bits, so that a pair of products, each of a code to 127 and a weight to 127, fits
# in 16 bits where processors without VNNI add it, whatever the weights are.
LARGEST_DIGIT = 63
ZERO_POINT = 64
STEPS = 2 * LARGEST_DIGIT  # of the second digit to one of the first


def by_digits(graph: GraphWriter, rows: str, layers: Sequence[Layer]) -> list[str]:
    """Products of `rows`, fp32 [rows, …, inputs], with each of `layers`; no row knows the others."""
    largest = graph.add("Max", [magnitudes(graph, rows), graph.constant(np.float32(TINY))])
    digit = graph.constant(np.float32(LARGEST_DIGIT))
    scaled = graph.add("Mul", [rows, graph.add("Div", [digit, largest])])
    first = graph.add("Round", [scaled])
    second = graph.add("Mul", [graph.add("Sub", [scaled, first]), graph.constant(np.float32(STEPS))])
    codes = codes_of(graph, graph.add("Concat", [first, second], axis=0), ZERO_POINT)
    scale = graph.add("Div", [largest, digit])
    return [biased(graph, _product(graph, codes, weight, scale), bias) for weight, bias in map(parameters, layers)]


def _product(graph: GraphWriter, codes: str, weight: Array, scale: str) -> str:
    answers = integer_product(graph, codes, quantized(weight, LARGEST_WEIGHT), zero_point=ZERO_POINT)
    second = graph.name("Split") + "_rest"
    first = graph.append("Split", [answers], [graph.name("Split"), second], axis=0, num_outputs=2)
    rest = graph.add("Mul", [second, graph.constant(np.float32(1 / STEPS))])
    return graph.add("Mul", [graph.add("Add", [first, rest]), scale])
