"""A text is read character by character."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from app.tasks.text_classification import TextClassificationConfig
from training.data.chinese_reviews import LABELS

CONFIG = TextClassificationConfig(labels=list(LABELS), tokenizer="tokenizer.json", max_tokens=512)
SPECIAL = ("[PAD]", "[UNK]", "[START]")
FEWEST = 2  # occurrences of a character that gets a number


def write_tokenizer(texts: Iterable[str], folder: Path) -> Path:
    """A token for each character of `texts`, of one width and case; whatever is white is one blank."""
    normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Strip()]
    )
    counts = Counter(character for text in texts for character in normalizer.normalize_str(text))
    known = sorted(character for character, count in counts.items() if count >= FEWEST)
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *known))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    # So that no text is without tokens, and how a text begins is a run of its own.
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[START] $A", special_tokens=[("[START]", vocabulary["[START]"])]
    )
    tokenizer.save(str(folder / CONFIG.tokenizer))
    return folder / CONFIG.tokenizer
