"""The encoders that a classifier of one's own texts may start from, and which of them its texts call for."""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice, zip_longest
from typing import Literal, NamedTuple

from tokenizers import Tokenizer
from transformers import BertModel

from app.repository.manifest import Source
from training.data import e5, minilm
from training.errors import TrainingError

BackboneName = Literal["auto", "minilm", "e5"]
LEAST_WHOLE = 0.7  # of the words: English tweets had .91, texts of ten other languages .53 at most
ENOUGH = 1_000  # texts that tell the language
CONTINUES, UNKNOWN = "##", "[UNK]"


class Backbone(NamedTuple):
    """`about` is what is told of it before anything is learned."""

    name: str
    about: str
    load: Callable[[], BertModel]
    tokenizer: Callable[[], Tokenizer]
    source: Source


def _minilm_tokenizer() -> Tokenizer:
    return Tokenizer.from_file(str(minilm.tokenizer_file()))


BACKBONES = {
    "minilm": Backbone("MiniLM-L6", "reads English", minilm.load_bert, _minilm_tokenizer, minilm.SOURCE),
    "e5": Backbone(
        "multilingual-e5-small",
        "reads some hundred languages, in twice the time; downloads 95 MB once",
        e5.load_e5,
        e5.e5_tokenizer,
        e5.SOURCE,
    ),
}


def backbone_for(asked: BackboneName, texts: Iterable[str]) -> tuple[Backbone, str]:
    """The encoder that was asked for, or the one that `texts` call for, and why, in words. Raises TrainingError."""
    if asked != "auto":
        found = BACKBONES[asked]
        return found, f"{found.name} was asked for: it {found.about}."
    share = whole_words(islice(texts, ENOUGH))
    name, other = ("minilm", "e5") if share >= LEAST_WHOLE else ("e5", "minilm")
    found = BACKBONES[name]
    return found, (
        f"{found.name} was taken, which {found.about}: of the words {share:.0%} are whole in MiniLM's vocabulary, of "
        f"English ones {LEAST_WHOLE:.0%} and more; --set backbone={other} takes the other."
    )


def whole_words(texts: Iterable[str]) -> float:
    """The share of the words of letters that are tokens of MiniLM's, and not in pieces or unknown."""
    tokenizer = _minilm_tokenizer()
    tokenizer.no_truncation()
    read = [one.tokens for one in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    words = [whole for tokens in read for whole in _words(tokens)]
    if not words:
        raise TrainingError("the texts have no words of letters")
    return sum(words) / len(words)


def _words(tokens: Sequence[str]) -> list[bool]:
    """Of each word of letters whether it is whole."""
    return [
        token != UNKNOWN and not following.startswith(CONTINUES)
        for token, following in zip_longest(tokens, tokens[1:], fillvalue="")
        if not token.startswith(CONTINUES) and (token == UNKNOWN or token.isalpha())
    ]
