"""One sentence of a text for all of it: the first, the one nearest to the text's mean of words, the summarizer's."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.segmentation.words import joined
from app.tasks.sentences import sentences
from app.tasks.summarization import Summarization, SummarizationKernel
from app.tasks.summary_schema import ArticleInput, SummarizationParameters
from app.tasks.view import predict_alone
from training.baselines.summarizer import CONFIG, NAME
from training.data.minilm import load_bert, tokenizer_file
from training.graphs.beside_bert import export_sentences
from training.graphs.sentences import sentence_rows
from training.networks.minilm import SentenceEncoder

LEAD, CENTROID, EXTRACTIVE = "first sentence", "sentence nearest to the mean of TF-IDF", f"{NAME}, one sentence"
MOST_SENTENCES = 200
ONE = SummarizationParameters(max_sentences=1)

Way = Callable[[str], str]
"""A text to one sentence of it."""


def ways(train: Sequence[str], workdir: Path) -> Mapping[str, Way]:
    """All of them by name. Words are weighed by how many of the `train` texts have them."""
    return {LEAD: lead, CENTROID: nearest_to_mean(train), EXTRACTIVE: extractive(workdir)}


def lead(text: str) -> str:
    return _parts(text)[0]


def nearest_to_mean(train: Sequence[str]) -> Way:
    """After Radev et al., "Centroid-based summarization of multiple documents", 2004."""
    vectorizer = TfidfVectorizer(sublinear_tf=True, stop_words="english", min_df=min(2, len(train))).fit(train)

    def nearest(text: str) -> str:
        parts = _parts(text)
        vectors = vectorizer.transform(parts)
        return parts[int(np.argmax(vectors @ np.asarray(vectors.mean(axis=0)).ravel()))]

    return nearest


def extractive(workdir: Path) -> Way:
    """The sentence that the model of the recipe article-summarizer chooses."""
    view = Summarization(SummarizationKernel(CONFIG, {CONFIG.tokenizer: tokenizer_file()}))
    folder = workdir / "extractive"
    folder.mkdir(exist_ok=True)
    rows = sentence_rows(view, ["The ferry leaves at seven. It takes two hours."])
    graph = export_sentences(view, SentenceEncoder(load_bert()), rows, folder).path
    sessions = {"model": load_onnx(graph, RuntimeOptions(device="cpu"))}
    return lambda text: str(predict_alone(view, sessions, ArticleInput(text=text), ONE).summary_text)


def _parts(text: str) -> list[str]:
    return [joined([one.text]) for one in sentences(text, MOST_SENTENCES)[0]] or [text]
