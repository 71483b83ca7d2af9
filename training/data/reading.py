"""Texts as the sentiment models read them: MiniLM's tokens, and emoji as words of their mood."""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, Tokenizer, normalizers

from app.tasks.text_classification import (
    TextClassification,
    TextClassificationConfig,
    TextClassificationParameters,
    TextInput,
)
from app.tensors import Array, Tensors
from training.data.minilm import tokenizer_file
from training.data.sentiment import LABELS

Scores = npt.NDArray[np.floating]
"""Of shape [texts, labels]; the highest is the answer."""

BATCH_SIZE = 32
CONFIG = TextClassificationConfig(labels=list(LABELS), tokenizer="tokenizer.json", max_tokens=256)

# The vocabulary knows no emoji; the most frequent ones are read as a word of their mood, set off as a sentence of its
# own, or "not returned 😀" would be "not returned happy".
EMOJI = {
    "happy": "😀😃😄😁😊🙂☺😎🤗😇",
    "lol": "😂🤣😆😅😹",
    "love": "😍🥰😘😻❤🧡💛💚💙💜💕💖💗♥",
    "great": "👍👏🙌👌💪✅",
    "awesome": "🎉🔥💯✨⭐🌟🏆🤩",
    "thanks": "🙏",
    "sad": "😢😭💔😞😔🙁☹😩😫😥",
    "angry": "😡😠🤬😤",
    "bad": "👎❌",
    "disgusting": "🤮🤢💩",
    "annoying": "🙄😒",
}


def write_tokenizer(path: Path) -> Path:
    """MiniLM's tokenizer, which reads EMOJI besides words."""
    tokenizer = Tokenizer.from_file(str(tokenizer_file()))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    moods = [normalizers.Replace(Regex(f"[{emoji}]"), f" . {word} . ") for word, emoji in EMOJI.items()]
    skin_tones = normalizers.Replace(Regex("[🏻-🏿]"), "")
    tokenizer.normalizer = normalizers.Sequence([skin_tones, *moods, tokenizer.normalizer])
    tokenizer.save(str(path))
    return path


def encode(task: TextClassification, texts: Iterable[str]) -> list[Tensors]:
    """The rows that the service would make of `texts`."""
    parameters = TextClassificationParameters(truncate=True)
    return [row for text in texts for row in task.preprocess(TextInput(text=text), parameters).rows]


def answers(task: TextClassification, texts: Iterable[str], answer: Callable[[Tensors], Array]) -> Array:
    """Return what `answer` makes of batches [batch, …], for all texts in their order; batches are of similar length."""
    rows = encode(task, texts)
    order = np.argsort([task.kernel.length(row) for row in rows], kind="stable")
    batches = np.array_split(order, range(BATCH_SIZE, len(order), BATCH_SIZE))
    found = np.concatenate([answer(task.kernel.collate([rows[i] for i in batch])) for batch in batches])
    return found[np.argsort(order)]
