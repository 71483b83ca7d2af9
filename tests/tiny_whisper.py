"""A Whisper with weights from nowhere, whose transcripts vary with what it hears, and its weights for CTranslate2."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_speech import (
    CONFIG,
    END,
    ENGLISH,
    FIRST_TIME,
    GERMAN,
    SPECIAL,
    START,
    TRANSCRIBE,
    TRANSLATE,
    UNTIMED,
    VOCABULARY,
    tokenizer,
)
from tokenizers import Tokenizer
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from app.tasks.speech_recognition import SpeechConfig
from app.tensors import Array, Tensors

OPENAIS = ("endoftext", "startoftranscript", "nocaptions", "en", "de", "transcribe", "translate", "notimestamps")
CONTEXT, PLACES = CONFIG["context"], 1500


@cache
def random_whisper(
    seed: int = 0, places: int = PLACES, mels: int = 80, decoder_layers: int = 3
) -> WhisperForConditionalGeneration:
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=VOCABULARY,
        d_model=32,
        num_mel_bins=mels,
        max_source_positions=places,
        max_target_positions=CONTEXT,
        encoder_layers=2,
        decoder_layers=decoder_layers,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=48,
        decoder_ffn_dim=40,
        bos_token_id=END,
        eos_token_id=END,
        pad_token_id=END,
        decoder_start_token_id=START,
    )
    made: Any = WhisperForConditionalGeneration(config).eval().requires_grad_(False)
    for name, one in made.named_parameters():
        is_scale = "layer_norm.weight" in name
        is_of_tokens = "embed_tokens" in name  # small, or the likeliest token is the last one again
        torch.nn.init.normal_(one, mean=float(is_scale), std=0.1 if one.ndim == 1 else 0.3 if is_of_tokens else 0.8)
    made.proj_out.weight[FIRST_TIME:] *= 0.01  # nobody taught it that transcripts without times have none
    return made


def openais_tokenizer(*more: str) -> Tokenizer:
    """The tokenizer of tiny_speech, whose tokens are called as OpenAI calls them."""
    made = json.dumps(json.loads(tokenizer().to_str())).replace('"<|endoftext|>"', '"<|another|>"')
    for ours, name in zip(SPECIAL, OPENAIS, strict=True):
        made = made.replace(json.dumps(ours), f'"<|{name}|>"')
    found = Tokenizer.from_str(made)
    found.add_special_tokens(list(more))
    return found


def save_whisper(folder: Path, *, has_languages: bool = False, **sizes: Any) -> Path:
    """Save a random Whisper, of English or of English and German, as save_pretrained() leaves it."""
    network = copy.deepcopy(random_whisper(**sizes))
    settings: dict[str, Any] = {
        "suppress_tokens": CONFIG["suppress_ids"],
        "begin_suppress_tokens": CONFIG["begin_suppress_ids"],
        "decoder_start_token_id": START,
        "bos_token_id": END,
        "eos_token_id": END,
        "pad_token_id": END,
        "no_timestamps_token_id": UNTIMED,
        "is_multilingual": has_languages,
        "max_initial_timestamp_index": 1,
    }
    if has_languages:
        settings["lang_to_id"] = {"<|en|>": ENGLISH, "<|de|>": GERMAN}
        settings["task_to_id"] = {"transcribe": TRANSCRIBE, "translate": TRANSLATE}
    network.save_pretrained(folder)
    (folder / "generation_config.json").write_text(json.dumps(settings))
    openais_tokenizer().save(str(folder / "tokenizer.json"))
    WhisperFeatureExtractor(feature_size=network.config.num_mel_bins).save_pretrained(folder)
    return folder


def generated(network: WhisperForConditionalGeneration, config: SpeechConfig, features: Array) -> list[int]:
    """The transcript of a window [mels, frames] that transformers generates, greedily and without times."""
    stated: Any = network.generation_config
    stated.suppress_tokens, stated.begin_suppress_tokens = config.suppress_ids, config.begin_suppress_ids
    stated.no_timestamps_token_id, stated.is_multilingual = config.no_timestamps_id, False
    stated.eos_token_id = stated.pad_token_id = stated.bos_token_id = config.end_id
    stated.decoder_start_token_id, stated.max_length = config.start_id, None
    most = config.context // 2 - 1  # those that the service writes, without the one that says that there are no times
    made = network.generate(torch.from_numpy(features)[None], max_new_tokens=most)
    return [id for id in made[0].tolist() if id not in (config.start_id, config.no_timestamps_id)]


def stored(network: WhisperForConditionalGeneration) -> Tensors:
    """The weights as CTranslate2 calls them."""
    state = {name: one.numpy() for name, one in network.state_dict().items()}
    found: Tensors = {
        "decoder/embeddings/weight": state["model.decoder.embed_tokens.weight"],
        "decoder/projection/weight": state["model.decoder.embed_tokens.weight"],
    }
    for kind in ("weight", "bias"):
        found |= {f"encoder/conv{at}/{kind}": state[f"model.encoder.conv{at}.{kind}"] for at in (1, 2)}
    for part, count in (("encoder", 2), ("decoder", 3)):
        own = {name.removeprefix(f"model.{part}."): one for name, one in state.items()}
        settings = {"num_heads": 2, "activation": 3, "pre_norm": 1, "alibi": 0, "scale_embeddings": 0}
        found |= {f"{part}/{name}": np.array(value, np.int16) for name, value in settings.items()}
        found[f"{part}/position_encodings/encodings"] = own["embed_positions.weight"]
        found |= _norm(own, "layer_norm", f"{part}/layer_norm")
        for at in range(count):
            old, new = f"layers.{at}", f"{part}/layer_{at}"
            found |= _attention(own, f"{old}.self_attn", f"{new}/self_attention", ("qkv", "o"))
            if part == "decoder":
                found |= _attention(own, f"{old}.encoder_attn", f"{new}/attention", ("q", "kv", "o"))
            found |= _norm(own, f"{old}.final_layer_norm", f"{new}/ffn/layer_norm")
            for number in (0, 1):
                for kind in ("weight", "bias"):
                    found[f"{new}/ffn/linear_{number}/{kind}"] = own[f"{old}.fc{number + 1}.{kind}"]
    return found


def _norm(own: Tensors, old: str, new: str) -> Tensors:
    return {f"{new}/gamma": own[f"{old}.weight"], f"{new}/beta": own[f"{old}.bias"]}


def _attention(own: Tensors, old: str, new: str, joined: tuple[str, ...]) -> Tensors:
    names = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
    found = _norm(own, f"{old}_layer_norm", f"{new}/layer_norm")
    for number, letters in enumerate(joined):
        parts = [f"{old}.{names[letter]}" for letter in letters]
        found[f"{new}/linear_{number}/weight"] = np.concatenate([own[f"{one}.weight"] for one in parts])
        none = np.zeros(len(own[f"{old}.q_proj.bias"]), np.float32)
        found[f"{new}/linear_{number}/bias"] = np.concatenate([own.get(f"{one}.bias", none) for one in parts])
    return found
