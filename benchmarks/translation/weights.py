"""A Marian of the size of OPUS-MT's whose answer to a sentence is that sentence: no real one can be had offline.

All weights are drawn by a seed but those that copy. Tokens have embeddings in all but POSITION_WIDTH dimensions; there
the states have sines and cosines of their positions only, by which the last layer of the decoder finds the token of
the source with the number of the one that is to be written. So each answer has as many tokens as its sentence, ends
by itself, is right or wrong, and stays so in 8 bits. Multiplications take as long whatever the weights are.
"""

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import MarianConfig, MarianMTModel

VOCABULARY = 58_101  # of OPUS-MT en-de; the last is the padding, and begins answers
WIDTH, HIDDEN, LAYERS, HEADS = 512, 2048, 6, 8
END, UNKNOWN = 0, 1
CONTEXT = 512
WAVES = 32  # of positions, each by its sine and its cosine: as many as a head has dimensions
EVERY = 2  # wave of Marian's: with neighbours alone, places far apart would look alike
FLAT = WIDTH // 2 - 1  # the dimension of the slowest sine, which is about 0 at all positions
SPREAD = 0.01  # of the weights that are drawn
TOKENS = 1.0  # spread of what a token's embedding adds to a state, of which positions are sines up to 1
SHARPNESS, LOUDNESS = 6.0, 6.0  # of the attention to the source, and of what it copies


def write_model(tokenizer: Path, folder: Path, seed: int = 16) -> None:
    """Write into `folder` what transformers saves of such a model, with the tokens of `tokenizer`, a Unigram."""
    torch.manual_seed(seed)
    config: Any = MarianConfig  # transformers types neither all of its settings nor `eval`
    network: Any = MarianMTModel(
        config(
            vocab_size=VOCABULARY,
            decoder_vocab_size=VOCABULARY,
            max_position_embeddings=CONTEXT,
            d_model=WIDTH,
            encoder_layers=LAYERS,
            decoder_layers=LAYERS,
            encoder_attention_heads=HEADS,
            decoder_attention_heads=HEADS,
            encoder_ffn_dim=HIDDEN,
            decoder_ffn_dim=HIDDEN,
            activation_function="swish",
            scale_embedding=True,
            static_position_embeddings=True,
            init_std=SPREAD,
            pad_token_id=VOCABULARY - 1,
            decoder_start_token_id=VOCABULARY - 1,
            eos_token_id=END,
            forced_eos_token_id=END,
            tie_word_embeddings=True,
        )
    )
    network.eval()
    with torch.no_grad():
        _plant(network)
    network.generation_config.num_beams = 1
    network.generation_config.bad_words_ids = [[VOCABULARY - 1]]
    network.generation_config.max_length = CONTEXT
    network.save_pretrained(folder)
    _write_tokenizer(tokenizer, folder)


def _plant(network: Any) -> None:
    """Let the last layer of the decoder copy the token at its own place."""
    waves = torch.arange(0, WAVES * EVERY, EVERY)
    positions = torch.cat([waves, waves + WIDTH // 2])  # Marian has all sines first
    rest = torch.tensor([one for one in range(WIDTH) if one not in {FLAT, *positions.tolist()}])
    table = network.model.shared.weight
    table.zero_()
    table[:-1, rest] = torch.randn(VOCABULARY - 1, len(rest)) * TOKENS / WIDTH**0.5  # Marian multiplies by the root
    for name, weight in network.named_parameters():
        if name.endswith(("out_proj.weight", "fc2.weight")):
            weight[positions], weight[FLAT] = 0, 0
    part = network.model.decoder.layers[-1].encoder_attn
    find = torch.zeros(WIDTH, WIDTH)
    find[:, FLAT] = -SHARPNESS  # norms take the same from all dimensions, and it tells how much
    for head in range(HEADS):
        find[head * 2 * WAVES + torch.arange(2 * WAVES), positions] = SHARPNESS
    part.q_proj.weight.copy_(find)
    part.k_proj.weight.copy_(find)
    tokens = torch.zeros(WIDTH)
    tokens[rest] = 1
    part.v_proj.weight.copy_(torch.diag(tokens))
    part.out_proj.weight.copy_(LOUDNESS * torch.eye(WIDTH))


def _write_tokenizer(path: Path, folder: Path) -> None:
    """Those of a real tokenizer, and then as many that no text has."""
    content = json.loads(path.read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary += [[f"\ue000{number}", -100.0] for number in range(VOCABULARY - 1 - len(vocabulary))]
    vocabulary.append(["<pad>", -100.0])
    content["added_tokens"] = [
        {
            "id": id, "content": vocabulary[id][0], "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": True,
        }
        for id in (END, UNKNOWN, VOCABULARY - 1)
    ]  # fmt: skip
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.post_processor = TemplateProcessing(single="$A </s>", special_tokens=[("</s>", END)])
    tokenizer.save(str(folder / "tokenizer.json"))
    special = {"eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    stated = {"tokenizer_class": "PreTrainedTokenizerFast", "source_lang": "en", "target_lang": "pt", **special}
    (folder / "tokenizer_config.json").write_text(json.dumps(stated))
