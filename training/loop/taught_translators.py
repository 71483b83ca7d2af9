"""A Transformer and an LSTM with attention learn to translate from the same pairs, each from the run's seed.

The Transformer begins as a translator of another language, which knows English already; the LSTM begins by chance.
"""

from dataclasses import replace
from typing import Annotated

from pydantic import Field
from tokenizers import Tokenizer

from training.data.marian_students import PackagedStudent
from training.data.parallel_texts import ParallelTexts
from training.data.subwords import learn_subwords, token_pairs
from training.errors import progress
from training.loop.fit import LearningCurve
from training.loop.translating import TranslatingSettings, learn_to_translate
from training.networks.attentive_lstm import AttentiveLSTM
from training.networks.marian_student import MarianStudent
from training.networks.new_subwords import with_subwords
from training.networks.taught_student import TaughtStudent
from training.recipe import FULL_PRECISION, Run
from training.seeds import seeded
from training.settings import Between, Epochs, Layers, Rate, Share

CONTEXT = 256  # tokens of a text


class TaughtSettings(TranslatingSettings):
    """`epochs`, `learning_rate` are those of the Transformer, which begins with the first layers of another translator,
    or with `pretrained` false by chance; names with `lstm` are of the LSTM.
    """

    epochs: Epochs = 6
    learning_rate: Annotated[Rate, Between(3e-4, 3e-3, in_log=True)] = 1e-3
    vocabulary: Annotated[int, Field(ge=300, le=100_000)] = 8_000
    pretrained: bool = True
    encoder_layers: Annotated[int, Field(ge=1, le=6)] = 6
    decoder_layers: Annotated[int, Field(ge=1, le=2)] = 2
    dropout: Annotated[Share, Between(0, 0.3)] = 0.1
    lstm_width: Annotated[int, Field(ge=2, le=8192, multiple_of=2)] = 256
    lstm_layers: Layers = 1
    lstm_epochs: Epochs = 6
    lstm_learning_rate: Rate = 2e-3  # of the first 200 steps the better one of two that were tried


SETTINGS = TaughtSettings()
TINY = TaughtSettings(epochs=1, lstm_epochs=1, vocabulary=600, encoder_layers=1, decoder_layers=1, lstm_width=32)


class Course:
    """Pairs as tokens of subwords that both languages share, and the networks that learn from them."""

    def __init__(self, texts: ParallelTexts, begins: PackagedStudent, settings: TaughtSettings, run: Run) -> None:
        self.begins, self.settings, self.run = begins, settings, run
        self.tokenizer_path = run.workdir / "tokenizer.json"
        self.tokenizer = learn_subwords(
            (text for pair in texts.train for text in pair), settings.vocabulary, self.tokenizer_path
        )
        self.train, self.validation = (
            token_pairs(self.tokenizer, pairs, CONTEXT) for pairs in (texts.train, texts.validation)
        )

    def transformer(self) -> tuple[MarianStudent, LearningCurve]:
        one = self.settings
        other, path = self.begins.load()
        other.keep_layers(one.encoder_layers, one.decoder_layers)
        with seeded(self.run.seed):
            if one.pretrained:
                student = with_subwords(other, Tokenizer.from_file(str(path)), self.tokenizer, one.dropout)
            else:
                student = MarianStudent(other.sizes._replace(vocabulary=self._vocabulary), other.heads, one.dropout)
        curve = self._learn(TaughtStudent(student), self.run, one, "transformer")
        return student.requires_grad_(False).eval(), curve

    def lstm(self) -> tuple[AttentiveLSTM, LearningCurve]:
        one = self.settings
        with seeded(self.run.seed):
            network = AttentiveLSTM(self._vocabulary, one.lstm_width, one.lstm_layers, one.dropout)
        # In bf16 an LSTM's step takes 519 ms of a core instead of 443.
        run = replace(self.run, precision=FULL_PRECISION)
        own = one.model_copy(update={"epochs": one.lstm_epochs, "learning_rate": one.lstm_learning_rate})
        curve = self._learn(network, run, own, "lstm")
        return network.requires_grad_(False).eval(), curve

    @property
    def _vocabulary(self) -> int:
        return self.tokenizer.get_vocab_size()

    def _learn(
        self, network: TaughtStudent | AttentiveLSTM, run: Run, settings: TranslatingSettings, name: str
    ) -> LearningCurve:
        progress(f"{name}: {sum(one.numel() for one in network.parameters()):,} parameters")
        return learn_to_translate(network, self.train, self.validation, run, settings, name)
