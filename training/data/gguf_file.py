"""Weights, tokenizer and template out of a GGUF file, the format of llama.cpp.

https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from gguf import GGUFReader, dequantize
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from app.tensors import Array
from training.errors import TrainingError, first_line
from training.networks.plain_decoder import EMBEDDINGS, HEAD, DecoderSizes, PlainDecoder, plain_decoder, turning

if TYPE_CHECKING:
    from training.networks.decoder import Decoder

KINDS = ("llama", "qwen2")
# What a part of a layer is called here and in transformers.
LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTSIDE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
CONTROL, USER_DEFINED = 3, 4  # types of tokens
QWEN2_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class GgufFile:
    def __init__(self, path: Path) -> None:
        """Raises TrainingError if it is not a GGUF file of a decoder that can be exported."""
        self._path = path
        try:
            self._reader = GGUFReader(path)
        except (OSError, ValueError, IndexError) as error:
            raise TrainingError(f"{path} cannot be read as GGUF: {first_line(error)}") from error
        self._kind = self._stated("general.architecture", "")
        if self._kind not in KINDS:
            raise TrainingError(
                f"{path} holds a {self._kind or 'model of no stated kind'}; known are {', '.join(KINDS)}"
            )
        if strange := [one.name for one in self._reader.tensors if _name(one.name) is None]:
            raise TrainingError(f"{path} holds {strange[0]}, which no {self._kind} that can be exported has")
        if (scaling := self._of_kind("rope.scaling.type", "none")) != "none":
            raise TrainingError(f"{path} scales its positions ({scaling}), which is not read from GGUF")

    @property
    def template(self) -> str:
        """The chat template, in Jinja; "" if there is none."""
        return str(self._stated("tokenizer.chat_template", ""))

    @property
    def end_token(self) -> int:
        return int(self._stated("tokenizer.ggml.eos_token_id"))

    def load(self) -> PlainDecoder:
        """The decoder with all its weights, fp32. Raises TrainingError if some are missing."""
        weights = dict(self.weights())
        sizes = self._sizes(weights)
        try:
            return plain_decoder(weights, sizes, turning(self._theta, sizes.head_size))
        except TrainingError as error:
            raise TrainingError(f"{self._path}: {error}") from error

    def network(self) -> "Decoder":
        """The same as a module of transformers. Raises TrainingError."""
        import torch

        from training.networks.decoder import KINDS as NETWORKS

        weights = dict(self.weights())
        sizes, is_tied = self._sizes(weights), HEAD not in weights
        state = {name: torch.from_numpy(weight) for name, weight in weights.items()}
        configuration, decoder_of = NETWORKS[self._kind]
        config = configuration(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.width,
            intermediate_size=sizes.hidden,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            num_key_value_heads=sizes.kv_heads,
            head_dim=sizes.head_size,
            max_position_embeddings=sizes.positions,
            rms_norm_eps=sizes.epsilon,
            rope_parameters={"rope_type": "default", "rope_theta": self._theta},
            tie_word_embeddings=is_tied,
            eos_token_id=self.end_token,
        )
        with torch.device("meta"):  # all weights come from the file: neither memory nor random numbers for others
            decoder = decoder_of(config)
        decoder.model.rotary_emb = type(decoder.model.rotary_emb)(config)
        if is_tied:
            state[HEAD] = state[EMBEDDINGS]
        try:
            decoder.load_state_dict(state, assign=True)
        except RuntimeError as error:
            raise TrainingError(f"{self._path} has other weights than a {self._kind}: {error}") from error
        decoder.tie_weights()
        found: Decoder = decoder.eval()
        return found

    def tokenizer(self) -> Tokenizer:
        """Byte-level BPE as transformers has it. Raises TrainingError for tokenizers of other kinds."""
        kind, split = self._stated("tokenizer.ggml.model", ""), self._stated("tokenizer.ggml.pre", "")
        if kind != "gpt2" or split not in ("smollm", "qwen2"):
            raise TrainingError(f"{self._path} has a tokenizer that is not read ({kind}, {split})")
        tokens: list[str] = self._stated("tokenizer.ggml.tokens")
        merges = [tuple(merge.split(" ")) for merge in self._stated("tokenizer.ggml.merges")]
        tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
        if split == "smollm":
            parts = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
        else:
            tokenizer.normalizer = normalizers.NFC()
            parts = [
                pre_tokenizers.Split(Regex(QWEN2_WORDS), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts)
        tokenizer.decoder = decoders.ByteLevel()
        types = zip(tokens, self._stated("tokenizer.ggml.token_type"), strict=True)
        for token, kind in types:
            if kind in (CONTROL, USER_DEFINED):
                added = AddedToken(token, special=kind == CONTROL, normalized=False)
                tokenizer.add_special_tokens([added]) if kind == CONTROL else tokenizer.add_tokens([added])
        return tokenizer

    def _sizes(self, weights: Mapping[str, Array]) -> DecoderSizes:
        heads, width = self._of_kind("attention.head_count"), self._of_kind("embedding_length")
        return DecoderSizes(
            vocabulary=len(weights.get(EMBEDDINGS, ())),
            width=width,
            hidden=self._of_kind("feed_forward_length"),
            layers=self._of_kind("block_count"),
            heads=heads,
            kv_heads=self._of_kind("attention.head_count_kv", heads),
            head_size=self._of_kind("attention.key_length", width // heads),
            positions=self._of_kind("context_length"),
            epsilon=self._of_kind("attention.layer_norm_rms_epsilon"),
        )

    @property
    def _theta(self) -> float:
        return float(self._of_kind("rope.freq_base", 10_000.0))

    def weights(self) -> Iterator[tuple[str, Array]]:
        """Yield the name transformers has for each tensor, and its values in fp32."""
        return map(self._weight, self._reader.tensors)

    def _weight(self, stored: Any) -> tuple[str, Array]:
        weight: Array = dequantize(stored.data, stored.tensor_type).astype(np.float32)
        name = _name(stored.name) or ""
        if self._kind == "llama" and (".q_proj." in name or ".k_proj." in name):
            weight = self._turned_by_halves(weight, ".q_proj." in name)
        return name, weight

    def _turned_by_halves(self, weight: Array, is_query: bool) -> Array:
        """llama.cpp turns neighbouring channels together, transformers those half a head apart; undo its order."""
        heads = self._of_kind("attention.head_count" if is_query else "attention.head_count_kv")
        pairs = weight.reshape(heads, len(weight) // heads // 2, 2, *weight.shape[1:])
        return np.ascontiguousarray(pairs.swapaxes(1, 2).reshape(weight.shape))

    def _of_kind(self, name: str, default: Any = None) -> Any:
        return self._stated(f"{self._kind}.{name}", default)

    def _stated(self, key: str, default: Any = None) -> Any:
        field = self._reader.get_field(key)
        if field is None and default is None:
            raise TrainingError(f"{self._path} does not state {key}")
        return default if field is None else field.contents()


def _name(stored: str) -> str | None:
    """Return the name transformers has for a tensor; None if it is none of a decoder's."""
    match stored.split("."):
        case ["blk", number, part, kind] if part in LAYER:
            return f"model.layers.{number}.{LAYER[part]}.{kind}"
        case [part, kind] if part in OUTSIDE:
            return f"{OUTSIDE[part]}.{kind}"
    return None
