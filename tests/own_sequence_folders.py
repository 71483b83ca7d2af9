"""Encoder-decoders of random weights in the files that the hub has of such models."""

from pathlib import Path
from typing import Any

from generation_models import tokenizer
from random_sequence_models import random_model
from tokenizers import Tokenizer, processors
from transformers import MBartTokenizer, PreTrainedTokenizerFast


def save_sequence_model(folder: Path, name: str, form: str = "$A <|im_end|>", **tokenizer_options: Any) -> Path:
    """Save `name`, one of random_sequence_models.CONFIGS; `form` tells which tokens are around a text."""
    model: Any = random_model(name)
    model.save_pretrained(folder)
    own = Tokenizer.from_str(tokenizer().to_str())
    special = [(token, own.token_to_id(token)) for token in form.split() if token != "$A"]
    own.post_processor = processors.TemplateProcessing(single=form, special_tokens=special)
    reader = PreTrainedTokenizerFast(tokenizer_object=own, eos_token="<|im_end|>", **tokenizer_options)
    reader.save_pretrained(folder)
    return folder


def save_mbart(folder: Path) -> Path:
    """Save a model whose tokenizer knows 25 languages, and reads letter by letter."""
    model: Any = random_model("mbart")
    model.save_pretrained(folder)
    special = [(token, 0.0) for token in ("<s>", "<pad>", "</s>", "<unk>")]
    letters = [("▁", -2.0), *((letter, -3.0) for letter in "abcdefghijklmnopqrstuvwxyz.,")]
    MBartTokenizer(vocab=[*special, *letters], src_lang="en_XX", tgt_lang="de_DE").save_pretrained(folder)
    return folder
