"""Student translators of Marian: a Transformer reads a sentence, and a recurrent decoder that attends to it writes one.

Kim et al., "From Research to Production and Back: Ludicrously Fast Neural Machine Translation", 2019,
https://aclanthology.org/D19-5632. A layer of the decoder keeps one state (simpler simple recurrent unit, SSRU) instead
of the keys and values of all that was written.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from app.tensors import Array
from training.errors import TrainingError
from training.networks.marian_layers import DecoderLayer, EncoderLayer

HEADS = 8  # of every student of Bergamot
MASKED = -1e4  # added to the attention scores of padding, whose softmax is then zero
ACTIVATION_SCALE = "_QuantMultA"  # ends the names of scales that fp32 does without
OUTSIDE = {"embedding": "Wemb", "bias": "decoder_ff_logit_out_b"}
PLACES = {"encoder.attention": "self", "decoder.attention": "context", "decoder.recurrence": "rnn"}
LAYERS = {  # Marian's names of a layer's weight and bias
    "attention.query": ("Wq", "bq"),
    "attention.key": ("Wk", "bk"),
    "attention.value": ("Wv", "bv"),
    "attention.output": ("Wo", "bo"),
    "attention.norm": ("Wo_ln_scale", "Wo_ln_bias"),
    "recurrence.candidate": ("W", ""),
    "recurrence.forget": ("Wf", "bf"),
    "recurrence.norm": ("ffn_ln_scale", "ffn_ln_bias"),
    "feed_forward.widening": ("W1", "b1"),
    "feed_forward.narrowing": ("W2", "b2"),
    "feed_forward.norm": ("ffn_ln_scale", "ffn_ln_bias"),
}


class Sizes(NamedTuple):
    vocabulary: int
    width: int
    hidden: int
    encoder_layers: int
    decoder_layers: int


class MarianStudent(nn.Module):
    """The weights of one direction, at first by chance; `StudentEncoder` and `StudentStep` compute with them.

    `start_id`, the id after the last token, stands for the zero embedding with which a decoder begins.
    """

    def __init__(self, sizes: Sizes, heads: int = HEADS, dropout: float = 0.0) -> None:
        super().__init__()
        vocabulary, width, hidden, encoder_layers, decoder_layers = sizes
        self.sizes, self.heads, self.dropout = sizes, heads, dropout
        self.start_id = vocabulary
        self.embedding = nn.Parameter(torch.randn(vocabulary, width) * width**-0.5)
        self.bias = nn.Parameter(torch.zeros(vocabulary))
        self.encoder = nn.ModuleList(EncoderLayer(width, hidden, heads, dropout) for _ in range(encoder_layers))
        self.decoder = nn.ModuleList(DecoderLayer(width, hidden, heads, dropout) for _ in range(decoder_layers))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], heads: int = HEADS) -> "MarianStudent":
        """Return the student whose weights have Marian's names and shapes. Raises TrainingError if they do not fit."""
        sizes = _sizes(arrays)
        if sizes.width % (2 * heads):
            raise TrainingError(f"{heads} heads cannot share a width of {sizes.width}")
        with torch.device("meta"):  # all weights are given
            student = cls(sizes, heads)
        parameters = {marian_name(name): (name, one) for name, one in student.named_parameters()}
        given = {name for name in arrays if not name.endswith(ACTIVATION_SCALE)}
        if strange := sorted(given ^ parameters.keys()):
            raise TrainingError(
                f"the model {'holds' if strange[0] in given else 'lacks'} {strange[0]}, unlike a student"
            )
        state = {}
        for stored, (name, parameter) in parameters.items():
            weight = torch.from_numpy(arrays[stored])
            state[name] = weight.flatten() if parameter.ndim == 1 else weight if name == "embedding" else weight.T
            if state[name].shape != parameter.shape:
                raise TrainingError(f"{stored} has shape {list(weight.shape)}, which does not fit the other weights")
        student.load_state_dict(state, assign=True)
        return student.requires_grad_(False).eval()

    def keep_layers(self, encoder: int, decoder: int) -> None:
        """Leave only the first layers of each side."""
        self.encoder, self.decoder = self.encoder[:encoder], self.decoder[:decoder]
        self.sizes = self.sizes._replace(encoder_layers=len(self.encoder), decoder_layers=len(self.decoder))

    def embedded(self, ids: Tensor, positions: Tensor) -> Tensor:
        """Embeddings of `ids`, of any shape, with the signals of their `positions`; [..., width]."""
        is_token = ids < self.start_id
        found = self.embedding[torch.where(is_token, ids, 0)] * is_token[..., None]
        angles = positions[..., None].float() * frequencies(self.sizes.width).to(positions.device)
        embedded: Tensor = found * self.sizes.width**0.5 + torch.cat([angles.sin(), angles.cos()], -1)
        return embedded


class StudentEncoder(nn.Module):
    """`input_ids` and `attention_mask`, int64 [rows, tokens], to keys and values of them for each decoder layer.

    Each is fp32 [rows, heads, tokens, size]; key and value of a layer lie beside one another.
    """

    def __init__(self, student: MarianStudent) -> None:
        super().__init__()
        self.student: Any = student  # torch types the parts of a module no further

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        states = self.student.embedded(input_ids, torch.arange(input_ids.shape[1]))
        masked = ((1 - attention_mask) * MASKED)[:, None, None]
        for layer in self.student.encoder:
            states = layer(states, masked)
        return tuple(one for layer in self.student.decoder for one in layer.attention.keys_and_values(states))


class StudentStep(nn.Module):
    """One token for each row: to `logits` [rows, vocabulary] of the next, and the state of each layer [rows, width].

    `input_ids` int64 [rows, 1], `positions` and `source_lengths` int64 [rows]; then of each layer the encoder's key
    and value, and at last of each layer the state, which is zero at position 0.
    """

    def __init__(self, student: MarianStudent) -> None:
        super().__init__()
        self.student: Any = student

    def forward(
        self, input_ids: Tensor, positions: Tensor, source_lengths: Tensor, *kept: Tensor
    ) -> tuple[Tensor, ...]:
        is_padding = torch.arange(kept[0].shape[2]) >= source_lengths[:, None]
        masked = (is_padding * MASKED)[:, None, None]
        output, present = self.student.embedded(input_ids[:, 0], positions), []
        past = kept[2 * len(self.student.decoder) :]
        for layer, key, value, state in zip(self.student.decoder, kept[::2], kept[1::2], past, strict=False):
            output, state = layer(output, state, key, value, masked)
            present.append(state)
        return output @ self.student.embedding.T + self.student.bias, *present


def frequencies(width: int) -> Tensor:
    """Return the radians by which each pair of a position's signals turns, [width / 2]: from 1 down to 1/10,000."""
    steps = torch.arange(width // 2, dtype=torch.float64) / (width // 2 - 1)
    return torch.exp(-math.log(10_000) * steps).float()


def marian_name(parameter: str) -> str:
    """Return the name that Marian gives to a parameter of MarianStudent."""
    if parameter in OUTSIDE:
        return OUTSIDE[parameter]
    side, number, part, layer, kind = parameter.split(".")
    place = PLACES.get(f"{side}.{part}", "ffn")
    return f"{side}_l{int(number) + 1}_{place}_{LAYERS[f'{part}.{layer}'][kind == 'bias']}"


def _sizes(arrays: Mapping[str, Array]) -> Sizes:
    try:
        vocabulary, width = arrays[OUTSIDE["embedding"]].shape
        (_, hidden), _ = (arrays[f"{side}_l1_ffn_W1"].shape for side in ("encoder", "decoder"))
    except (KeyError, ValueError) as error:
        raise TrainingError("the model has no embedding, encoder or decoder, unlike a student") from error
    layers = Counter(name.partition("_")[0] for name in arrays if name.endswith("_ffn_W1"))
    return Sizes(vocabulary, width, hidden, layers["encoder"], layers["decoder"])
