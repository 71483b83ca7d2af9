"""The summarizer and simpler ways against what people wrote.

On news, on articles without introduction, and on news behind the beginning of other news.

Settings are chosen on the validation part of the three sets.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
from tqdm import tqdm

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.segmentation.words import joined
from app.tasks.sentences import Sentence
from app.tasks.summarization import Summarization, SummarizationKernel
from app.tasks.summary_schema import ArticleInput, SummarizationConfig, SummarizationParameters
from app.tasks.view import Prepared
from app.tensors import Array, Session, Tensors
from training.baselines.summarizer import CONFIG, NAME, SPLIT, settings
from training.baselines.table import Table, libraries
from training.data.minilm import load_bert, tokenizer_file
from training.data.summarized_texts import DATA_SHA256, Summarized, load_articles, load_news, with_teaser
from training.errors import progress
from training.graphs.beside_bert import export_sentences
from training.graphs.sentences import sentence_rows
from training.measures.rouge import NAMES, Rouge, Scores, mean_interval
from training.networks.minilm import SentenceEncoder

DEFAULTS = SummarizationParameters()  # three sentences
# Of all that is as good on news as its beginning, but for this much, the best on the rest is chosen.
ALLOWED_LOSS = 0.0005
CHOICES = [
    CONFIG.model_copy(
        update={"position_weight": weight, "position_reach": reach, "kinship": kinship, "mmr_lambda": mmr_lambda}
    )
    for weight, reach, kinship, mmr_lambda in product((0.25, 1.0, 2.0, 4.0), (None, 20), (0.0, 0.6), (0.7, 0.85))
]
PLAIN = CONFIG.model_copy(update={"position_weight": 0.0, "position_reach": None, "kinship": 0.0})


@dataclass(frozen=True, slots=True)
class ReadText:
    """A text as the task reads it, with the embedding of each of its sentences, fp32 [sentences, width]; none if it has
    only one."""

    reference: str
    prepared: Prepared
    embeddings: Array

    @property
    def sentences(self) -> list[Sentence]:
        found: list[Sentence] = self.prepared.context
        return found


Method = Callable[[ReadText], str]
"""A text to its summary."""


def measure(workdir: Path) -> Table:
    """Embeddings are kept in `workdir`, so that an interrupted measurement goes on."""
    task = summarizer(CONFIG)
    session = load_onnx(encoder(task, workdir), RuntimeOptions(device="cpu", threads=1))
    embed = KeptEmbeddings(task.kernel, session, workdir / "embeddings.npz")
    validation, test = (read_sets(task, embed, part) for part in ("validation", "test"))
    chosen = best(CHOICES, validation)
    ours = by_config(chosen)
    methods = {
        NAME: ours,
        "lead-3": lead,
        "lead, as many words": lambda text: lead_of_length(text, len(ours(text).split())),
        "LexRank without position": by_config(PLAIN),
        "three at random": at_random,
    }
    rouge = Cached(Rouge())
    scores = {
        name: {kind: np.stack([rouge(text, method(text)) for text in texts]) for kind, texts in test.items()}
        for name, method in methods.items()
    }
    figures = {
        name: {
            f"{metric}_{kind}": float(value)
            for kind, found in of_sets.items()
            for metric, value in zip(NAMES, found.mean(axis=0), strict=True)
        }
        for name, of_sets in scores.items()
    }
    for kind in test:
        gain = (scores[NAME][kind] - scores["lead-3"][kind]).mean(axis=1)
        low, high = mean_interval(gain)
        figures[NAME] |= {
            f"gain_{kind}": float(gain.mean()), f"gain_{kind}_low": low, f"gain_{kind}_high": high
        }  # fmt: skip
        progress(f"{kind}: {len(gain)} texts, gain over lead-3 {gain.mean():.4f}, from {low:.4f} to {high:.4f}")
    return Table(
        data_sha256=DATA_SHA256,
        split=SPLIT,
        figures=figures,
        settings={NAME: settings(chosen)},
        libraries=libraries("rouge-score", "mwparserfromhell", "sentencex"),
    )


def encoder(task: Summarization, workdir: Path) -> Path:
    rows = sentence_rows(task, [load_news().validation[0].text])
    return export_sentences(task, SentenceEncoder(load_bert()), rows, workdir).path


def read_sets(task: Summarization, embed: "KeptEmbeddings", part: str) -> dict[str, list[ReadText]]:
    news: list[Summarized] = getattr(load_news(), part)
    sets = {"news": news, "articles": getattr(load_articles(), part), "teasers": with_teaser(news)}
    return {kind: read(task, embed, texts) for kind, texts in sets.items()}


def read(task: Summarization, embed: "KeptEmbeddings", texts: Sequence[Summarized]) -> list[ReadText]:
    prepared = [task.preprocess(ArticleInput(text=one.text), DEFAULTS) for one in texts]
    embed.learn([row for one in prepared for row in one.rows])
    return [
        ReadText(text.reference, one, np.array([embed[row] for row in one.rows]))
        for text, one in zip(texts, prepared, strict=True)
    ]


class KeptEmbeddings:
    """Sentences as the encoder sees them, each read once and kept in a file."""

    def __init__(self, kernel: SummarizationKernel, session: Session, path: Path) -> None:
        self._kernel, self._session, self._path = kernel, session, path
        kept = np.load(path) if path.exists() else {}
        self._known: dict[str, Array] = dict(zip(kept["keys"].tolist(), kept["rows"], strict=True)) if kept else {}

    def __getitem__(self, row: Tensors) -> Array:
        return self._known[key_of(row)]

    def learn(self, rows: Sequence[Tensors]) -> None:
        new = {key: row for row in rows if (key := key_of(row)) not in self._known}
        # Of one length together, so that little is padded.
        order = sorted(new, key=lambda key: len(new[key]["input_ids"]))
        for some in tqdm([order[i : i + 16] for i in range(0, len(order), 16)], desc="reading", mininterval=5):
            answers = self._kernel.run({"model": self._session}, [new[key] for key in some])
            self._known |= {key: answer["embedding"] for key, answer in zip(some, answers, strict=True)}
        if new:
            np.savez(self._path, keys=np.array([*self._known]), rows=np.stack([*self._known.values()]))


def key_of(row: Tensors) -> str:
    return hashlib.sha256(row["input_ids"].tobytes()).hexdigest()


def best(choices: Sequence[SummarizationConfig], sets: dict[str, list[ReadText]]) -> SummarizationConfig:
    """The best on what is not plain news, of those that lose nothing there."""
    rouge = Cached(Rouge())

    def gains(config: SummarizationConfig) -> dict[str, float]:
        ours = by_config(config)
        found = {
            kind: float(np.mean([(rouge(text, ours(text)) - rouge(text, lead(text))).mean() for text in texts]))
            for kind, texts in sets.items()
        }
        progress(f"validation, {settings(config)}: {found}")
        return found

    measured = [(config, gains(config)) for config in choices]
    most = max(found["news"] for _, found in measured)
    allowed = [one for one in measured if one[1]["news"] >= min(0.0, most) - ALLOWED_LOSS]
    return max(allowed, key=lambda one: sum(one[1].values()))[0]


class Cached:
    """ROUGE of a text's summary, counted once: most methods choose the same of many a text."""

    def __init__(self, rouge: Rouge) -> None:
        self._rouge = rouge
        self._known: dict[tuple[int, str], Scores] = {}

    def __call__(self, text: ReadText, summary: str) -> Scores:
        key = id(text), summary
        if key not in self._known:
            self._known[key] = self._rouge(text.reference, summary)
        return self._known[key]


def summarizer(config: SummarizationConfig) -> Summarization:
    return Summarization(SummarizationKernel(config, {config.tokenizer: tokenizer_file()}))


def by_config(config: SummarizationConfig) -> Method:
    """Return what the service answers with this configuration."""
    task = summarizer(config)

    def summary(text: ReadText) -> str:
        answers = [{"embedding": embedding} for embedding in text.embeddings]
        return str(task.postprocess(text.prepared, answers, DEFAULTS).summary_text)

    return summary


def lead(text: ReadText) -> str:
    return joined(sentence.text for sentence in text.sentences[:3])


def lead_of_length(text: ReadText, num_words: int) -> str:
    """The beginning, cut after so many words."""
    return " ".join(joined(sentence.text for sentence in text.sentences).split()[:num_words])


def at_random(text: ReadText) -> str:
    random = np.random.default_rng(len(text.reference))
    chosen = sorted(random.permutation(len(text.sentences))[:3])
    return joined(text.sentences[i].text for i in chosen)
