"""A translator learns to write one line for a description, in the language that it reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from tokenizers import Tokenizer

from training.data.marian_students import EN_PT, END_ID
from training.data.software_lines import Described, SoftwareLines
from training.data.subwords import TokenPair
from training.errors import progress
from training.loop.fit import LearningCurve
from training.loop.translating import TranslatingSettings, learn_to_translate
from training.networks.marian_student import MarianStudent
from training.networks.taught_student import TaughtStudent
from training.recipe import Run
from training.settings import Between, Epochs, Rate

CONTEXT = 256  # tokens of a description that are read
LONGEST_LINE = 48  # tokens, with its end


class OneLineSettings(TranslatingSettings):
    """`encoder_layers`, `decoder_layers`: the first ones of the translator with which it begins."""

    epochs: Epochs = 2
    learning_rate: Annotated[Rate, Between(1e-4, 2e-3, in_log=True)] = 3e-4
    encoder_layers: Annotated[int, Field(ge=1, le=6)] = 6
    decoder_layers: Annotated[int, Field(ge=1, le=2)] = 2


SETTINGS = OneLineSettings()
TINY = OneLineSettings(epochs=1, encoder_layers=1, decoder_layers=1)


def taught(lines: SoftwareLines, run: Run, settings: OneLineSettings) -> tuple[MarianStudent, Path, LearningCurve]:
    """The network that writes lines, the path of its tokenizer, and how it learned."""
    student, path = EN_PT.load()
    tokenizer = Tokenizer.from_file(str(path))
    student.keep_layers(settings.encoder_layers, settings.decoder_layers)
    train, validation = (token_pairs(tokenizer, pairs) for pairs in (lines.train, lines.validation))
    student.requires_grad_(True).train()
    progress(f"{sum(one.numel() for one in student.parameters()):,} parameters, {len(train)} pairs")
    curve = learn_to_translate(TaughtStudent(student), train, validation, run, settings, "lines")
    return student.requires_grad_(False).eval(), path, curve


def validation_loss(lines: SoftwareLines, run: Run) -> float:
    return taught(lines, run, run.chosen(SETTINGS, TINY))[2].least("validation_loss")


def token_pairs(tokenizer: Tokenizer, pairs: Sequence[Described]) -> list[TokenPair]:
    """Ids with an end; of a long description those of its beginning, as it is read, and no pair with a long line."""
    texts, lines = (tokenizer.encode_batch(list(side), add_special_tokens=False) for side in zip(*pairs, strict=True))
    return [
        TokenPair([*text.ids[: CONTEXT - 1], END_ID], [*line.ids, END_ID])
        for text, line in zip(texts, lines, strict=True)
        if len(line.ids) < LONGEST_LINE
    ]
