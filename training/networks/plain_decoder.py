"""A decoder of the Llama family, Qwen2 among it, or of GPT-2's, as arrays: what graphs are written from, without torch.

Touvron et al., "LLaMA", 2023, https://arxiv.org/abs/2302.13971. Positions: Su et al., "RoFormer", 2021,
https://arxiv.org/abs/2104.09864. GPT-2 does some things otherwise: GPT2.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import erf
from typing import Any

import numpy as np

from app.tensors import Array
from training.errors import TrainingError
from training.networks.arrays import as_modules

HEAD, EMBEDDINGS, POSITIONS = "lm_head.weight", "model.embed_tokens.weight", "model.embed_positions.weight"

Rotations = Callable[[int], tuple[Array, Array]]
"""Cosines and sines by which each of so many positions turns, fp32 [positions, head_size / 2]."""
Note = Callable[[Any, Array], None]


@dataclass(frozen=True, slots=True)
class DecoderFamily:
    """The ways in which decoders differ.

    `turns`: queries and keys turn by their position; else each position has a learned entry of POSITIONS, which is
    added to its token's. `centres`: norms take the mean off and have a bias; else they divide by the root mean square.
    `gates`: a gate lets through what widens the states. `activation`: of the gate, or of the wide states.
    """

    turns: bool
    centres: bool
    gates: bool
    activation: str


LLAMA = DecoderFamily(turns=True, centres=False, gates=True, activation="silu")
GPT2 = DecoderFamily(turns=False, centres=True, gates=False, activation="gelu_new")


@dataclass(frozen=True, slots=True)
class DecoderSizes:
    """`positions`: the most tokens that it learned to read. `epsilon`: of its norms. `family`: the ways it works."""

    vocabulary: int
    width: int
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    positions: int
    epsilon: float
    family: DecoderFamily = LLAMA


@dataclass(frozen=True, slots=True)
class PlainDecoder:
    """Weights in fp32 by the names that Llama has in transformers: `model.layers[0].self_attn.q_proj.weight`.

    `rotations`: None if nothing turns.
    """

    sizes: DecoderSizes
    model: Any
    lm_head: Any
    rotations: Rotations | None


def plain_decoder(weights: Mapping[str, Array], sizes: DecoderSizes, rotations: Rotations | None) -> PlainDecoder:
    """The decoder of `weights` by name, whose head is its embeddings if none is there.

    Raises TrainingError if weights are missing, or have another shape than `sizes` say.
    """
    found = {HEAD: weights[EMBEDDINGS], **weights} if EMBEDDINGS in weights else dict(weights)
    for name, shape in shapes_of(sizes).items():
        if name not in found:
            raise TrainingError(f"weights of the decoder are missing, such as {name}")
        if found[name].shape != shape:
            raise TrainingError(f"{name} has the shape {found[name].shape}, where {shape} is stated")
    modules = as_modules(found)
    return PlainDecoder(sizes, modules.model, modules.lm_head, rotations)


def shapes_of(sizes: DecoderSizes) -> dict[str, tuple[int, ...]]:
    """The shapes of all weights that such a decoder has whatever its kind."""
    family = sizes.family
    width, queries, keys = sizes.width, sizes.heads * sizes.head_size, sizes.kv_heads * sizes.head_size
    table = (sizes.vocabulary, width)
    shapes: dict[str, tuple[int, ...]] = {EMBEDDINGS: table, HEAD: table, "model.norm.weight": (width,)}
    of_a_layer: dict[str, tuple[int, ...]] = {
        "input_layernorm": (width,),
        "self_attn.q_proj": (queries, width),
        "self_attn.k_proj": (keys, width),
        "self_attn.v_proj": (keys, width),
        "self_attn.o_proj": (width, queries),
        "post_attention_layernorm": (width,),
        "mlp.gate_proj": (sizes.hidden, width),
        "mlp.up_proj": (sizes.hidden, width),
        "mlp.down_proj": (width, sizes.hidden),
    }
    if not family.gates:
        del of_a_layer["mlp.gate_proj"]
    if not family.turns:
        shapes[POSITIONS] = (sizes.positions, width)
    for number in range(sizes.layers):
        shapes |= {f"model.layers.{number}.{part}.weight": shape for part, shape in of_a_layer.items()}
    if family.centres:
        shapes |= {name.replace("weight", "bias"): shape for name, shape in shapes.items() if "norm" in name}
    return shapes


def turning(theta: float, head_size: int) -> Rotations:
    """Rotations as they were published: each pair of channels turns by a power of `theta`."""
    turns = (1 / theta ** (np.arange(0, head_size, 2) / head_size)).astype(np.float32)

    def rotations(positions: int) -> tuple[Array, Array]:
        # The angles in fp32, as torch has them; of these the exact cosines, which are the same on every processor.
        angles = (np.arange(positions, dtype=np.float32)[:, None] * turns).astype(np.float64)
        return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)

    return rotations


def read(decoder: PlainDecoder, ids: Sequence[int], note: Note = lambda layer, rows: None) -> Array:
    """Return the scores of what may follow each token, fp32 [tokens, vocabulary].

    `note` gets each linear layer with the rows that it reads, [tokens, inputs].
    """
    sizes, model, family = decoder.sizes, decoder.model, decoder.sizes.family
    turns = decoder.rotations(len(ids)) if decoder.rotations else None
    activated = ACTIVATIONS[family.activation]
    ahead = np.triu(np.full((len(ids), len(ids)), -np.inf, np.float32), 1)

    def product(layer: Any, rows: Array) -> Array:
        note(layer, rows)
        answers: Array = rows @ layer.weight.T
        return answers if getattr(layer, "bias", None) is None else answers + layer.bias

    def normed(norm: Any, rows: Array) -> Array:
        if family.centres:
            centred = rows - rows.mean(-1, keepdims=True)
            spread = np.sqrt((centred**2).mean(-1, keepdims=True) + sizes.epsilon)
            return np.asarray(centred / spread * norm.weight + norm.bias)
        return np.asarray(rows / np.sqrt((rows**2).mean(-1, keepdims=True) + sizes.epsilon) * norm.weight)

    def by_head(rows: Array, heads: int) -> Array:
        shared = rows.reshape(len(ids), heads, sizes.head_size).swapaxes(0, 1)
        return np.repeat(shared, sizes.heads // heads, 0)

    def turned(rows: Array) -> Array:
        if turns is None:
            return rows
        cosines, sines = turns
        first, second = np.split(rows, 2, -1)
        return np.concatenate([first * cosines - second * sines, second * cosines + first * sines], -1)

    states = model.embed_tokens.weight[list(ids)]
    if not family.turns:
        states = states + model.embed_positions.weight[: len(ids)]
    for layer in model.layers:
        own, rows = layer.self_attn, normed(layer.input_layernorm, states)
        queries = turned(by_head(product(own.q_proj, rows), sizes.heads))
        keys = turned(by_head(product(own.k_proj, rows), sizes.kv_heads))
        values = by_head(product(own.v_proj, rows), sizes.kv_heads)
        mixed = _softmax(queries @ keys.swapaxes(1, 2) * np.float32(sizes.head_size**-0.5) + ahead) @ values
        states = states + product(own.o_proj, mixed.swapaxes(0, 1).reshape(len(ids), -1))
        rows = normed(layer.post_attention_layernorm, states)
        wide = product(layer.mlp.up_proj, rows)
        opened = activated(product(layer.mlp.gate_proj, rows)) * wide if family.gates else activated(wide)
        states = states + product(layer.mlp.down_proj, opened)
    return product(decoder.lm_head, normed(model.norm, states))


def _softmax(scores: Array) -> Array:
    shares = np.exp(scores - scores.max(-1, keepdims=True))
    return np.asarray(shares / shares.sum(-1, keepdims=True))


def _silu(rows: Array) -> Array:
    return np.asarray(rows / (1 + np.exp(-rows)))


def _gelu(rows: Array) -> Array:
    shares = np.vectorize(erf, otypes=[np.float32])(rows / np.sqrt(2))  # numpy has none, and serving needs no scipy
    return np.asarray(rows / 2 * (1 + shares))


def _gelu_new(rows: Array) -> Array:
    inner = np.float32(np.sqrt(2 / np.pi)) * (rows + np.float32(0.044715) * rows**3)
    return np.asarray(rows / 2 * (1 + np.tanh(inner)))


ACTIVATIONS: Mapping[str, Callable[[Array], Array]] = {"silu": _silu, "gelu": _gelu, "gelu_new": _gelu_new}
"""Hendrycks and Gimpel, "Gaussian Error Linear Units", 2016, https://arxiv.org/abs/1606.08415, by their names there."""
