"""Encoder-decoders of transformers that are known here, and what tells each architecture from the others.

All are that of Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762, in other orders.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import transformers
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Traits:
    """`network`: the class in transformers.

    `norms_first`: what changes the states reads them normalised; else their sum with the change is normalised.
    `norms_embeddings`, `norms_last`: they are also normalised before the first layer, and after the last one.
    `offset`: the row of the first position in the table that is added to embeddings. `is_relative`: there is no such
    table, but scores of attention have a bias by distance, and are not scaled (T5: Raffel et al., 2020).
    """

    network: Any  # transformers types it no further
    norms_first: bool
    norms_embeddings: bool = False
    norms_last: bool = False
    offset: int = 0
    is_relative: bool = False


# By the name of their kind.
ARCHITECTURES: Mapping[str, Traits] = {
    "t5": Traits(transformers.T5ForConditionalGeneration, norms_first=True, norms_last=True, is_relative=True),
    "mt5": Traits(transformers.MT5ForConditionalGeneration, norms_first=True, norms_last=True, is_relative=True),
    "marian": Traits(transformers.MarianMTModel, norms_first=False),
    "bart": Traits(transformers.BartForConditionalGeneration, norms_first=False, norms_embeddings=True, offset=2),
    "mbart": Traits(
        transformers.MBartForConditionalGeneration, norms_first=True, norms_embeddings=True, norms_last=True, offset=2
    ),
    "pegasus": Traits(transformers.PegasusForConditionalGeneration, norms_first=True, norms_last=True),
    "m2m_100": Traits(transformers.M2M100ForConditionalGeneration, norms_first=True, norms_last=True, offset=2),
    "whisper": Traits(transformers.WhisperForConditionalGeneration, norms_first=True, norms_last=True),
}
ACTIVATIONS = ("relu", "gelu", "gelu_new", "silu", "swish")


class AttentionPart(NamedTuple):
    """Linear layers of attention, and the norm that belongs to it."""

    query: nn.Linear
    key: nn.Linear
    value: nn.Linear
    output: nn.Linear
    norm: nn.Module


class FeedForwardPart(NamedTuple):
    """`widening`: one layer, or two of which the first, activated, is multiplied with the other."""

    widening: Sequence[nn.Linear]
    narrowing: nn.Linear
    norm: nn.Module


class LayerParts(NamedTuple):
    """A layer; `cross`, the attention to a source, only that of a decoder has."""

    attention: AttentionPart
    cross: AttentionPart | None
    feed_forward: FeedForwardPart


@dataclass(frozen=True, slots=True)
class Stack:
    """An encoder, or a decoder.

    `embeddings` [vocabulary, width], unless it reads no tokens, are multiplied by `scale`; `positions` [places, width]
    are added to them, unless `distances` are there: biases of scores, [heads, distances], from `furthest` before a
    token to `furthest` behind it, or, in a decoder, from 0 to `furthest` before it.
    """

    layers: Sequence[LayerParts]
    heads: int
    size: int
    activation: str
    embeddings: Tensor | None
    scale: float
    positions: Tensor | None
    distances: Tensor | None
    furthest: int
    first_norm: nn.Module | None
    last_norm: nn.Module | None

    @property
    def score_scale(self) -> float:
        """Of the products of queries and keys."""
        return self.size**-0.5 if self.distances is None else 1.0


@dataclass(frozen=True, slots=True)
class SequenceNetwork:
    """The parts of an encoder-decoder.

    Logits are the products of states, times `head_scale`, and `head` [vocabulary, width], plus `bias` [vocabulary].
    """

    traits: Traits
    encoder: Stack
    decoder: Stack
    head: Tensor
    head_scale: float
    bias: Tensor | None


def parts_of(model: Any) -> SequenceNetwork:
    """The parts of a model of transformers, whose `config.model_type` is one of ARCHITECTURES."""
    traits = ARCHITECTURES[model.config.model_type]
    whole = model if traits.is_relative else model.model
    stack = _t5_stack if traits.is_relative else _bart_stack
    is_scaled = getattr(model.config, "scale_decoder_outputs", False)  # the first T5's
    bias = getattr(model, "final_logits_bias", None)
    return SequenceNetwork(
        traits,
        stack(whole.encoder, traits),
        stack(whole.decoder, traits),
        model.get_output_embeddings().weight,
        head_scale=model.config.d_model**-0.5 if is_scaled else 1.0,
        bias=bias[0] if bias is not None and bias.any() else None,
    )


def _t5_stack(stack: Any, traits: Traits) -> Stack:
    first = stack.block[0].layer[0].SelfAttention
    furthest = first.relative_attention_max_distance
    # Of a token at `furthest`: in a decoder those behind it are not read.
    keys = furthest + 1 if stack.is_decoder else 2 * furthest + 1
    distances = first.compute_bias(1, keys, past_seen_tokens=furthest)[0, :, 0]
    return Stack(
        [_t5_layer(block.layer) for block in stack.block],
        heads=first.n_heads,
        size=first.key_value_proj_dim,
        activation=stack.config.dense_act_fn,
        embeddings=stack.embed_tokens.weight,
        scale=1.0,
        positions=None,
        distances=distances.flip(-1) if stack.is_decoder else distances,
        furthest=furthest,
        first_norm=None,
        last_norm=stack.final_layer_norm,
    )


def _t5_layer(parts: Any) -> LayerParts:
    *attentions, forward = parts
    own = [getattr(one, "SelfAttention", None) or one.EncDecAttention for one in attentions]
    found = [
        AttentionPart(one.q, one.k, one.v, one.o, part.layer_norm) for one, part in zip(own, attentions, strict=True)
    ]
    dense = forward.DenseReluDense
    widening = [dense.wi] if hasattr(dense, "wi") else [dense.wi_0, dense.wi_1]
    return LayerParts(
        found[0], found[1] if len(found) > 1 else None, FeedForwardPart(widening, dense.wo, forward.layer_norm)
    )


def _bart_stack(stack: Any, traits: Traits) -> Stack:
    first = stack.layers[0].self_attn
    words = getattr(stack, "embed_tokens", None)
    places = stack.embed_positions
    return Stack(
        [_bart_layer(layer) for layer in stack.layers],
        heads=first.num_heads,
        size=first.head_dim,
        activation=stack.config.activation_function,
        embeddings=None if words is None else words.weight,
        scale=stack.config.d_model**0.5 if stack.config.scale_embedding else 1.0,
        positions=(places.weights if hasattr(places, "weights") else places.weight)[traits.offset :],
        distances=None,
        furthest=0,
        first_norm=stack.layernorm_embedding if traits.norms_embeddings else None,
        last_norm=stack.layer_norm if traits.norms_last else None,
    )


def _bart_layer(layer: Any) -> LayerParts:
    def attention(part: Any, norm: nn.Module) -> AttentionPart:
        return AttentionPart(part.q_proj, part.k_proj, part.v_proj, part.out_proj, norm)

    cross = getattr(layer, "encoder_attn", None)
    return LayerParts(
        attention(layer.self_attn, layer.self_attn_layer_norm),
        attention(cross, layer.encoder_attn_layer_norm) if cross is not None else None,
        FeedForwardPart([layer.fc1], layer.fc2, layer.final_layer_norm),
    )
