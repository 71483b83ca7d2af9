"""Encoder-decoders of transformers with weights from nowhere, whose greedy answers vary with what they are asked."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from transformers import (
    BartConfig,
    M2M100Config,
    MarianConfig,
    MBartConfig,
    MT5Config,
    PegasusConfig,
    PreTrainedModel,
    T5Config,
)

from app.runtimes.onnx import OnnxSession, load_onnx
from app.runtimes.options import RuntimeOptions
from training.graphs.products import DecoderProducts, Fp32DecoderProducts
from training.graphs.sequence_model import write_text_encoder, write_token_step
from training.networks.sequence_models import ARCHITECTURES, parts_of

VOCABULARY, POSITIONS = 259, 64  # as many as generation_models.tokenizer() has
T5_SIZES = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "d_kv": 16,
    "d_ff": 48,
    "num_layers": 3,  # transformers takes it for that of the decoder where it keeps keys and values
    "num_decoder_layers": 2,
    "num_heads": 4,
    "relative_attention_num_buckets": 8,
    "relative_attention_max_distance": 20,
    "decoder_start_token_id": 0,
}
BART_SIZES = {
    "vocab_size": VOCABULARY,
    "max_position_embeddings": POSITIONS,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 3,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 40,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 2,
}
CONFIGS: dict[str, Any] = {
    "t5": T5Config(**T5_SIZES),
    "t5-gated": T5Config(**T5_SIZES, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "mt5": MT5Config(**T5_SIZES),
    "marian": MarianConfig(
        **BART_SIZES | {"decoder_start_token_id": 1},
        activation_function="swish",
        scale_embedding=True,
        tie_word_embeddings=False,
    ),
    "bart": BartConfig(**BART_SIZES, tie_word_embeddings=False),
    "mbart": MBartConfig(**BART_SIZES, scale_embedding=True, tie_word_embeddings=False),
    "pegasus": PegasusConfig(**BART_SIZES, activation_function="relu"),
    "m2m_100": M2M100Config(**BART_SIZES, scale_embedding=True, activation_function="relu"),
}
# Of embeddings less than of other weights: or else a tied head finds the token that was just read likeliest.
STDS: dict[str, float] = {
    "shared": 0.15,
    "embed_tokens": 0.15,
    "lm_head": 0.15,
    "embed_positions": 0.15,
    "relative_attention_bias": 1.0,
    "q": 0.1,
}


# Others than 0 where that gives answers that are all alike.
SEEDS = {"bart": 3, "marian": 4}


@cache
def random_model(name: str) -> PreTrainedModel:
    torch.manual_seed(SEEDS.get(name, 0))
    config = CONFIGS[name]
    made: Any = ARCHITECTURES[config.model_type].network(config).eval()
    for weight, one in made.named_parameters():
        if not one.requires_grad:  # sines
            continue
        one.requires_grad_(False)
        is_scale = "norm" in weight and weight.endswith("weight")
        std = STDS.get(weight.rpartition(".")[0].rpartition(".")[2], 0.4 if one.ndim > 1 else 0.1)
        torch.nn.init.normal_(one, mean=float(is_scale), std=std)
    made.get_output_embeddings().weight[config.eos_token_id] *= 3  # so that some answers end
    if hasattr(made, "final_logits_bias"):
        torch.nn.init.normal_(made.final_logits_bias, std=0.1)
    return made


@cache
def graphs_of(name: str, products: type[DecoderProducts] = Fp32DecoderProducts) -> dict[str, Path]:
    folder, network = Path(mkdtemp()), parts_of(random_model(name))
    return {
        "encoder": write_text_encoder(network, folder / "encoder.onnx", products()),
        "decoder": write_token_step(network, folder / "decoder.onnx", products()),
    }


def sessions_of(name: str) -> dict[str, OnnxSession]:
    return {graph: load_onnx(path, RuntimeOptions(device="cpu", threads=1)) for graph, path in graphs_of(name).items()}
