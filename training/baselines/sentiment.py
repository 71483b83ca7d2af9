"""Simpler models on the same texts."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped]

from app.tasks.text_classification import TextClassification
from app.tensors import Array, Tensors
from training.data.minilm import load_bert
from training.data.reading import Scores, answers
from training.data.sentiment import LABELS
from training.loop.curriculum import Curriculum
from training.loop.fit import fit
from training.loop.schedule import adamw_with_cosine
from training.loop.text_batches import TextBatch
from training.networks.minilm import SentenceEncoder
from training.recipe import Run

LSTM_EPOCHS, LSTM_WIDTH, LSTM_LEARNING_RATE, LSTM_WEIGHT_DECAY = 4, 128, 2e-3, 0.01
BATCH_SIZE = 48
TFIDF_C, EMBEDDINGS_C = 5.0, 0.1
VADER_NEUTRAL = 0.05  # what is nearer to 0 its authors call neutral
BERT_TOKENS = 30_522  # in the vocabulary of BERT without capitals
MOST_EMBEDDED = 2_000  # texts of a domain: more would take long, for few weights
FEW_TEXTS = 1_000  # among which a word may come once


def majority_scores(train: pd.DataFrame, count: int) -> Scores:
    """The same answer to each of `count` texts: the most frequent label, and of two the more frequent one."""
    shares = train.label.value_counts(normalize=True).reindex(range(len(LABELS)), fill_value=0)
    return np.tile(shares.to_numpy(), (count, 1))


def vader_scores(texts: Iterable[str]) -> Scores:
    """The rules of Hutto and Gilbert, with the thresholds they recommend."""
    analyzer = SentimentIntensityAnalyzer()
    compound = np.array([analyzer.polarity_scores(text)["compound"] for text in texts])
    return np.stack([-compound, np.full(len(compound), VADER_NEUTRAL), compound], 1)


def tfidf_scores(train: pd.DataFrame, texts: Sequence[str] | pd.Series) -> Scores:
    """Words and pairs of words, weighed by rarity, in a linear model: what a day's work would give."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2 if len(train) > FEW_TEXTS else 1, sublinear_tf=True),
        LogisticRegression(C=TFIDF_C, max_iter=1000),
    )
    return _of_all_labels(model.fit(train.text, train.label), texts)


def frozen_minilm_scores(task: TextClassification, train: pd.DataFrame, texts: Iterable[str]) -> Scores:
    """A linear model of MiniLM's sentence embeddings as they were published.

    It has few weights, and learns them from at most MOST_EMBEDDED texts of a domain.
    """
    shown = train.groupby("domain").sample(frac=1, random_state=0).groupby("domain").head(MOST_EMBEDDED)
    encoder = SentenceEncoder(load_bert()).eval()

    def embed(batch: Tensors) -> Array:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            embeddings: Array = encoder(*(torch.from_numpy(array) for array in batch.values())).float().numpy()
        return embeddings

    model = make_pipeline(StandardScaler(), LogisticRegression(C=EMBEDDINGS_C, max_iter=300))
    model.fit(answers(task, shown.text, embed), shown.label)
    return _of_all_labels(model, answers(task, texts, embed))


def _of_all_labels(model: Pipeline, asked: Any) -> Scores:
    """Its probabilities; 0 for a label that no training text had."""
    scores = np.zeros((len(asked), len(LABELS)))
    scores[:, model.classes_] = model.predict_proba(asked)
    return scores


class LSTMClassifier(LightningModule):
    """The textbook: a table of embeddings, an LSTM over the tokens, and a layer on its last state."""

    def __init__(self, num_tokens: int, width: int = LSTM_WIDTH) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_tokens, width, padding_idx=0)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, len(LABELS))

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        lengths = attention_mask.sum(1).cpu()
        packed = pack_padded_sequence(self.embedding(input_ids), lengths, batch_first=True, enforce_sorted=False)
        _, (state, _) = self.lstm(packed)
        logits: Tensor = self.head(state[-1])
        return logits

    def training_step(self, batch: TextBatch, _: int) -> Tensor:
        loss = F.cross_entropy(self(*batch[:2]), batch[2])
        self.log("loss", loss, prog_bar=True, on_step=False, on_epoch=True, batch_size=len(batch[2]))
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        group = {"params": list(self.parameters()), "lr": LSTM_LEARNING_RATE, "weight_decay": LSTM_WEIGHT_DECAY}
        return adamw_with_cosine(self, [group])


def lstm_scores(task: TextClassification, curriculum: Curriculum, texts: Iterable[str], run: Run) -> Scores:
    """The textbook's network, trained from nothing on the same texts and targets."""
    torch.manual_seed(run.seed)
    network = LSTMClassifier(BERT_TOKENS)
    fit(network, curriculum.loader(BATCH_SIZE), run, epochs=1 if run.tiny else LSTM_EPOCHS, name="lstm")

    def read(batch: Tensors) -> Array:
        with torch.inference_mode():
            return network(*(torch.from_numpy(array) for array in batch.values())).numpy()  # type: ignore[no-any-return]

    return answers(task, texts, read)
