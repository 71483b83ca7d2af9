"""A Transformer and an LSTM with attention learn to translate from the same pairs, each from the run's seed."""

from dataclasses import replace
from typing import Annotated, Self

from pydantic import Field, model_validator

from training.data.parallel_texts import ParallelTexts
from training.data.subwords import learn_subwords, token_pairs
from training.errors import progress
from training.loop.fit import LearningCurve
from training.loop.translating import TranslatingSettings, learn_to_translate
from training.networks.attentive_lstm import AttentiveLSTM
from training.networks.marian_student import MarianStudent, Sizes
from training.networks.taught_student import TaughtStudent
from training.recipe import FULL_PRECISION, Run
from training.seeds import seeded
from training.settings import Between, Layers, Share, Width

CONTEXT = 256  # tokens of a text


class TaughtSettings(TranslatingSettings):
    """Six `epochs` are, with AMX, an hour of one core for each of both networks, and too few to be
    learned by heart without `dropout`. The LSTM has about as many parameters as the Transformer.
    """

    vocabulary: Annotated[int, Field(ge=300, le=100_000)] = 8_000
    width: Width = 192
    hidden: Width = 768
    encoder_layers: Layers = 3
    decoder_layers: Layers = 2
    heads: Annotated[int, Field(ge=1, le=64)] = 4
    lstm_width: Annotated[int, Field(ge=2, le=8192, multiple_of=2)] = 256
    lstm_layers: Layers = 1
    dropout: Annotated[Share, Between(0, 0.3)] = 0.0

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if self.width % (2 * self.heads):
            raise ValueError(f"{self.heads} heads cannot share a width of {self.width}, each an even number")
        return self


SETTINGS = TaughtSettings()
TINY = TaughtSettings(epochs=1, vocabulary=600, width=32, hidden=128, lstm_width=32)


class Course:
    """Pairs as tokens of subwords that both languages share, and the networks that learn from them."""

    def __init__(self, texts: ParallelTexts, settings: TaughtSettings, run: Run) -> None:
        self.settings, self.run = settings, run
        self.tokenizer_path = run.workdir / "tokenizer.json"
        self.tokenizer = learn_subwords(
            (text for pair in texts.train for text in pair), settings.vocabulary, self.tokenizer_path
        )
        self.train, self.validation = (
            token_pairs(self.tokenizer, pairs, CONTEXT) for pairs in (texts.train, texts.validation)
        )

    def transformer(self) -> tuple[MarianStudent, LearningCurve]:
        one = self.settings
        sizes = Sizes(self._vocabulary, one.width, one.hidden, one.encoder_layers, one.decoder_layers)
        with seeded(self.run.seed):
            student = MarianStudent(sizes, one.heads, one.dropout)
        curve = self._learn(TaughtStudent(student), self.run, "transformer")
        return student.requires_grad_(False).eval(), curve

    def lstm(self) -> tuple[AttentiveLSTM, LearningCurve]:
        with seeded(self.run.seed):
            network = AttentiveLSTM(
                self._vocabulary, self.settings.lstm_width, self.settings.lstm_layers, self.settings.dropout
            )
        # In bf16 an LSTM's step takes 519 ms of a core instead of 443.
        curve = self._learn(network, replace(self.run, precision=FULL_PRECISION), "lstm")
        return network.requires_grad_(False).eval(), curve

    @property
    def _vocabulary(self) -> int:
        return self.tokenizer.get_vocab_size()

    def _learn(self, network: TaughtStudent | AttentiveLSTM, run: Run, name: str) -> LearningCurve:
        progress(f"{name}: {sum(one.numel() for one in network.parameters()):,} parameters")
        return learn_to_translate(network, self.train, self.validation, run, self.settings, name)
