"""Tokenizers of the kinds that language models have, trained on a few lines."""

import json
from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

LINES = [
    "The harbour pool opens again in June, and it's 12 degrees.",
    "héllo wörld, naïve café — “quoted” 漢字 かな 😀 👩‍👩‍👧",
    '{"name": "Ann O\'Neil", "tags": ["a", "b"], "age": 41, "ok": true, "none": null}',
    "user\nassistant\nsystem\ntool\nYou are a helpful assistant.",
] * 20
CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "[INST]", "[/INST]", "<bos>", "<eos>"] + [
    f"<|{name}|>" for name in ("begin_of_text", "start_header_id", "end_header_id", "eot_id", "eom_id")
]
TURNS = ["<start_of_turn>", "<end_of_turn>"]
BUILT = Path(__file__).parents[2] / "models" / "smollm2-instruct"


@cache
def byte_level() -> Tokenizer:
    """As GPT-2, SmolLM2, Qwen, Llama 3."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        LINES,
        trainers.BpeTrainer(
            vocab_size=700, special_tokens=CHAT + TURNS, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer.add_tokens([AddedToken(text, normalized=False) for text in ("<tool_call>", "</tool_call>", "☃☃")])
    return tokenizer


@cache
def byte_fallback() -> Tokenizer:
    """As Llama 2, Mistral, Gemma: a mark for spaces, and bytes of characters that are no tokens."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    special = ["<unk>", "<s>", "</s>"]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(
        LINES,
        trainers.BpeTrainer(vocab_size=600, special_tokens=special + bytes_, limit_alphabet=50, show_progress=False),
    )
    written = json.loads(tokenizer.to_str())
    written["added_tokens"] = [one for one in written["added_tokens"] if one["content"] in special]
    plain = Tokenizer.from_str(json.dumps(written))
    plain.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return plain


@cache
def metaspace() -> Tokenizer:
    """As T5."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        LINES,
        trainers.UnigramTrainer(
            vocab_size=160, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False
        ),
    )
    return tokenizer


@cache
def word_piece() -> Tokenizer:
    """As BERT."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.train_from_iterator(
        LINES,
        trainers.WordPieceTrainer(vocab_size=300, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False),
    )
    return tokenizer


def built() -> Tokenizer | None:
    """That of the model we ship, where it is built."""
    files = sorted(BUILT.glob("*/tokenizer.json"))
    return Tokenizer.from_file(str(files[-1])) if files else None


@cache
def ended() -> Tokenizer:
    """One that puts an end behind every text, as T5's does."""
    tokenizer = Tokenizer.from_str(metaspace().to_str())
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer
