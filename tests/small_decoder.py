"""A decoder of random weights that reads bytes, in the files that the hub has of such a model."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from training.networks.decoder import KINDS, Decoder

WIDTH, HEADS, KV_HEADS, POSITIONS = 64, 4, 2, 1024
END = "<|im_end|>"
TEMPLATE = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}assistant:"


def small_decoder(kind: str, words: int = 262, **options: object) -> Decoder:
    sizes = {
        "vocab_size": words,
        "hidden_size": WIDTH,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": POSITIONS,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 5000.0},
        "initializer_range": 0.1,
        "tie_word_embeddings": kind == "llama",
        "eos_token_id": 1,
    }
    if kind == "gpt2":
        sizes = {
            "vocab_size": words,
            "n_embd": WIDTH,
            "n_layer": 2,
            "n_head": HEADS,
            "n_positions": POSITIONS,
            "initializer_range": 0.4,
            "bos_token_id": 0,
            "eos_token_id": 1,
        }
    configuration, decoder_of = KINDS[kind]
    torch.manual_seed(0)
    made: Decoder = decoder_of(configuration(**{**sizes, **options})).eval()
    for name, weight in made.named_parameters():
        if name.endswith("bias"):  # which begin as zeros
            torch.nn.init.normal_(weight, std=0.1)
    return made


def bytes_as_characters() -> list[str]:
    """Map the 256 bytes as byte-level BPE writes them: to themselves if they can be seen, else from 256 on."""
    seen = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in seen]
    names = {byte: chr(byte) for byte in seen} | {byte: chr(256 + i) for i, byte in enumerate(hidden)}
    return [names[byte] for byte in range(256)]


def save_small_decoder(folder: Path, kind: str = "llama", template: str = TEMPLATE, **options: object) -> Path:
    """Save config.json, model.safetensors, tokenizer.json and, unless it is empty, a chat template."""
    small_decoder(kind, **options).save_pretrained(folder)
    words = ["<|endoftext|>", END, *bytes_as_characters()]
    tokenizer = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(words[:2])
    tokenizer.save(str(folder / "tokenizer.json"))
    if template:
        (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    return folder
