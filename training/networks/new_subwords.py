"""A translator goes on with other subwords: each begins as the mean of the old ones that its text is made of.

Gee et al., "Fast Vocabulary Transfer for Language Model Compression", 2022, https://arxiv.org/abs/2402.09977.
"""

import torch
from tokenizers import Tokenizer

from training.networks.marian_student import MarianStudent

BEGINS_WORD = "▁"  # in the old tokenizer, of which the space belongs to a token


def with_subwords(old: MarianStudent, read_by: Tokenizer, tokenizer: Tokenizer, dropout: float) -> MarianStudent:
    """A student of the layers of `old`, whose tokens `read_by` has, for the tokens of `tokenizer`, made of bytes.

    A token of whose text the old one knows nothing begins by chance, by torch's generator. Both end with id 0.
    """
    new = MarianStudent(old.sizes._replace(vocabulary=tokenizer.get_vocab_size()), old.heads, dropout)
    layers = {name: weight for name, weight in old.state_dict().items() if name not in ("embedding", "bias")}
    new.load_state_dict(layers, strict=False)
    with torch.no_grad():
        new.embedding[0] = old.embedding[0]
        for token in range(1, len(new.embedding)):
            if ids := old_ids(tokenizer.decode([token]), read_by):
                new.embedding[token] = old.embedding[ids].mean(0)
    return new


def old_ids(text: str, read_by: Tokenizer) -> list[int]:
    """The tokens of a text that begins a word if a space is before it; empty if one of them is not known."""
    whole = read_by.token_to_id(text.replace(" ", BEGINS_WORD))
    if whole is not None:
        return [whole]
    unknown = read_by.token_to_id("<unk>")
    ids: list[int] = read_by.encode(text, add_special_tokens=False).ids
    return [] if unknown in ids else ids
