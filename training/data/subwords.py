"""Subwords that two languages share, learned from their texts: pairs of bytes that are often together become one.

Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units", 2016, https://aclanthology.org/P16-1162,
from bytes as in GPT-2, so that every character can be written. Digits stay apart, or long numbers would be seldom seen.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from training.data.catalogues import Pair

END, END_ID = "</s>", 0


class TokenPair(NamedTuple):
    """Ids of a text and of its translation, each with its end."""

    source: Sequence[int]
    target: Sequence[int]


def learn_subwords(texts: Iterable[str], size: int, path: Path) -> Tokenizer:
    """Write `path`, a tokenizer of at most `size` tokens, and return it. END has END_ID, and no text is read as it."""
    tokenizer = Tokenizer(models.BPE())
    # A word at the beginning is the one that it is elsewhere: behind a space.
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Prepend(" ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(path))
    return tokenizer


def token_pairs(tokenizer: Tokenizer, pairs: Sequence[Pair], most: int) -> list[TokenPair]:
    """The ids of those pairs that have at most `most` tokens on either side."""
    sides = (tokenizer.encode_batch(list(texts), add_special_tokens=False) for texts in zip(*pairs, strict=True))
    ids = ([[*one.ids, END_ID] for one in side] for side in sides)
    return [pair for pair in map(TokenPair, *ids) if max(map(len, pair)) <= most]
