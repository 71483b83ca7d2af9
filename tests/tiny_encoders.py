"""Encoders of random weights in the files that the hub has of them, each with a tokenizer of its own kind."""

from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from training.importing.text_draft import TEXTS

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY = 400
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 130,
    "pad_token_id": 0,
    "initializer_range": 0.5,  # or all answers would be alike
}
NARROW = {"embedding_size": 16}
CONFIGS: dict[str, tuple[type[Any], str, dict[str, Any]]] = {
    "bert": (transformers.BertConfig, "wordpiece", {}),
    "roberta": (transformers.RobertaConfig, "bpe", {}),
    "distilbert": (transformers.DistilBertConfig, "wordpiece", {"dim": 32, "n_layers": 2, "n_heads": 2}),
    "xlm-roberta": (transformers.XLMRobertaConfig, "unigram", {}),
    "albert": (transformers.AlbertConfig, "unigram", NARROW),
    "deberta-v2": (
        transformers.DebertaV2Config,
        "unigram",
        {
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 16,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "position_biased_input": False,
        },
    ),
    "electra": (transformers.ElectraConfig, "wordpiece", NARROW),
    "mpnet": (transformers.MPNetConfig, "wordpiece", {}),
    "modernbert": (transformers.ModernBertConfig, "bpe", {"local_attention": 8}),
}
"""By name: the configuration, the kind of tokenizer, and what differs from SIZES."""
WITH_TYPES = ("bert", "electra", "albert")  # whose tokenizers tell the second text from the first


@cache
def trained(kind: str) -> str:
    """A tokenizer of this kind that knows a few hundred tokens, as JSON."""
    special: dict[str, Any] = {"vocab_size": VOCABULARY, "special_tokens": list(MARKS), "show_progress": False}
    if kind == "wordpiece":
        own = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        own.normalizer, own.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
        own.decoder, trainer = decoders.WordPiece(), trainers.WordPieceTrainer(**special)
    elif kind == "bpe":
        own = Tokenizer(models.BPE())
        own.pre_tokenizer, own.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
        trainer = trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **special)
    else:
        own = Tokenizer(models.Unigram())
        own.normalizer, own.pre_tokenizer = normalizers.NFKC(), pre_tokenizers.Metaspace()
        own.decoder, trainer = decoders.Metaspace(), trainers.UnigramTrainer(unk_token="[UNK]", **special)
    own.train_from_iterator(TEXTS, trainer)
    around = [(mark, own.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
    own.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=around
    )
    return own.to_str()


def save_encoder(folder: Path, name: str, head: str, **settings: Any) -> Path:
    """Save `name`, one of CONFIGS, with a `head` such as "ForSequenceClassification" ("" for none) and `settings`."""
    Config, kind, more = CONFIGS[name]
    config = Config(**{**SIZES, **more, **settings})
    torch.manual_seed(0)
    network: Any = getattr(transformers, f"AutoModel{head}").from_config(config)
    network.save_pretrained(folder)
    inputs = ["input_ids", "attention_mask", *(["token_type_ids"] if name in WITH_TYPES else [])]
    named = {f"{mark.strip('[]').lower()}_token": mark for mark in MARKS}
    reader = transformers.PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(trained(kind)), model_input_names=inputs, **named
    )
    reader.save_pretrained(folder)
    return folder
