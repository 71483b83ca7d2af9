"""Sentiment of English reviews and tweets: MiniLM-L6, fine-tuned, as an int8 graph of 23 MB; about half an hour."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from lightning import Callback, LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from tokenizers import Regex, Tokenizer, normalizers
from torch import Tensor
from torch.export import Dim
from torch.utils.data import DataLoader, Dataset, Sampler
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped]

from app.repository.manifest import Metric, TensorSpec, Verification
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.text_classification import (
    TextClassification,
    TextClassificationConfig,
    TextClassificationParameters,
    TextInput,
)
from app.tensors import Session, Tensors
from training.averaging import FinalAverage
from training.data.sentiment import LABELS, NEGATIVE, NEUTRAL, POSITIVE, SOURCES, load_sentiment
from training.export import to_onnx, verify_export
from training.fit import LearningCurve, fit
from training.networks import minilm
from training.networks.minilm import TextClassifier, load_bert, tokenizer_file
from training.pictures import learning_curves
from training.quantize_dynamic import quantize_dynamic_int8
from training.recipe import Draft, Example, Recipe, Run, progress
from training.schedule import adamw_with_cosine

CONFIG = TextClassificationConfig(labels=list(LABELS), tokenizer="tokenizer.json", max_tokens=256)

EPOCHS = 3
TEXTS_PER_DOMAIN = 6_000  # in an epoch; else the two largest domains would be most of what it learns
BATCH_SIZE = 32
LEARNING_RATE, HEAD_LEARNING_RATE = 1e-4, 1e-3
WEIGHT_DECAY = 0.01
RATER_SPREAD = 0.5  # standard deviation that we give the mean rating of a snippet

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

EXAMPLES = (
    "Not bad at all, I would buy it again.",
    "I expected to love it, but it broke after a day.",
    "The food was great but the service was terrible.",
    "The package contains two cables and a manual.",
    "I've owned three of these and this is the first one I haven't returned 😀",
    "@airline thanks for losing my bag. Again. Third time this year!",
)

Scores = npt.NDArray[np.floating]
"""Of shape [texts, labels]; the highest is the answer."""


def make(run: Run) -> Draft:
    texts = load_sentiment()
    if run.tiny:
        texts = texts.groupby(["domain", "split"]).head(12).reset_index(drop=True)
    train, test = (texts[texts.split == split].reset_index(drop=True) for split in ("train", "test"))

    tokenizer = write_tokenizer(run.workdir / CONFIG.tokenizer)
    task = TextClassification(CONFIG, {CONFIG.tokenizer: tokenizer})
    network, curve = fine_tune(task, train, run)
    graph, int8, verification = export(task, network, test.text[:16], run.workdir)

    progress("judging on the test split")
    scores = {"int8": infer(task, int8, test.text), "fp32": infer(task, graph, test.text)}
    baselines = {
        "VADER": vader_scores(test.text),
        "TF-IDF + logistic regression": tfidf_scores(train, test.text),
    }
    return Draft(
        description="Sentiment of English reviews, tweets and editorials: negative, neutral or positive. MiniLM-L6 "
        "fine-tuned on seven domains, with int8 weights.",
        licence="Apache-2.0",
        files={"model.onnx": int8, CONFIG.tokenizer: tokenizer},
        graphs={"model": "model.onnx"},
        config=CONFIG.model_dump(),
        inputs=[TensorSpec(name=name, datatype="INT64", shape=(-1, -1)) for name in ("input_ids", "attention_mask")],
        outputs=[TensorSpec(name="logits", datatype="FP32", shape=(-1, len(LABELS)))],
        metrics=[*quality(test, scores, baselines)],
        sources=[*SOURCES, minilm.SOURCE],
        verification=verification,
        pictures={"Loss in training": learning_curves(curve.rows, {"loss": ["loss"]}, run.workdir / "loss.png")},
        # Sums differ in their last digits between processors; where that turns a code of 8 bits, more follows.
        examples=[Example({"text": text}, {"top_k": 3}, tolerance=0.05) for text in EXAMPLES],
        precision="int8",
        limits=(
            "English only: other languages get an answer, and it means little.",
            "Reads 256 tokens, about 190 words; a longer text must be sent in parts or truncated.",
            "Of emoji it reads some sixty, each as a word of its mood; the others tell it nothing.",
            "Sarcasm and praise of something else are often read literally.",
            "The score is of the whole text: mixed feelings come out as whichever side weighs more, or as neutral.",
        ),
        notes=f"{EPOCHS} epochs of at most {TEXTS_PER_DOMAIN:,} texts of each domain; raters' means, stars and votes "
        "as soft targets. All settings were chosen on the validation split and none on the test split.",
    )


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


def fine_tune(task: TextClassification, train: pd.DataFrame, run: Run) -> tuple[TextClassifier, LearningCurve]:
    torch.manual_seed(run.seed)
    rng = np.random.default_rng(run.seed)
    network = TextClassifier(load_bert(), len(LABELS))
    # The words are known; learning them anew costs memory and time, and helps only words seen here.
    network.bert.embeddings.word_embeddings.requires_grad_(False)

    rows = encode(task, train.text)
    lengths = np.array([len(row["input_ids"]) for row in rows])
    order = EpochOrder(
        [length_sorted(chosen, lengths, rng) for chosen in epochs(train.domain, 1 if run.tiny else EPOCHS, rng)]
    )
    texts = DataLoader(Texts(rows, soft_targets(train)), batch_sampler=order, collate_fn=partial(collate, task))
    return network, fit(Sentiment(network), texts, run, epochs=len(order.epochs))


class Sentiment(LightningModule):
    def __init__(self, network: TextClassifier) -> None:
        super().__init__()
        self.network = network

    def training_step(self, batch: tuple[list[Tensor], Tensor]) -> Tensor:
        texts, targets = batch
        with torch.autocast(self.device.type, torch.bfloat16):
            logits = self.network(*texts)
        loss = torch.nn.functional.cross_entropy(logits, targets)
        self.log("loss", loss, on_step=False, on_epoch=True, prog_bar=True, batch_size=len(targets))
        return loss

    def configure_optimizers(self) -> OptimizerLRScheduler:
        trained = [parameter for parameter in self.network.bert.parameters() if parameter.requires_grad]
        head = list(self.network.head.parameters())
        return adamw_with_cosine(
            self,
            [
                {"params": [p for p in trained if p.ndim > 1], "lr": LEARNING_RATE, "weight_decay": WEIGHT_DECAY},
                {"params": [p for p in trained if p.ndim == 1], "lr": LEARNING_RATE, "weight_decay": 0.0},
                {"params": head, "lr": HEAD_LEARNING_RATE, "weight_decay": 0.0},
            ],
        )

    def configure_callbacks(self) -> list[Callback]:
        return [FinalAverage()]


class Texts(Dataset[tuple[Tensors, Tensor]]):
    """What the service makes of each text, and the soft target of it."""

    def __init__(self, rows: Sequence[Tensors], targets: Tensor) -> None:
        self.rows, self.targets = rows, targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Tensors, Tensor]:
        return self.rows[index], self.targets[index]


class EpochOrder(Sampler[list[int]]):
    """Batches that are known for each epoch beforehand."""

    def __init__(self, epochs: Sequence[Sequence[npt.NDArray[np.int64]]]) -> None:
        self.epochs = epochs
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        self.batches = self.epochs[epoch]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[int]]:
        return (batch.tolist() for batch in self.batches)


def collate(task: TextClassification, samples: Sequence[tuple[Tensors, Tensor]]) -> tuple[list[Tensor], Tensor]:
    batch = task.collate([row for row, _ in samples])
    longest = max(len(row["input_ids"]) for row, _ in samples)
    texts = [torch.from_numpy(array[:, :longest]) for array in batch.values()]
    return texts, torch.stack([target for _, target in samples])


def soft_targets(texts: pd.DataFrame) -> Tensor:
    """Probabilities [texts, labels]: how sure the people who rated each text were, fp32."""
    rating = torch.tensor(texts.rating.to_numpy(np.float32))
    given = torch.nn.functional.one_hot(torch.tensor(texts.label.to_numpy()), len(LABELS)).float()

    # A mean of raters: what another panel might have said of the same snippet.
    negative = torch.special.ndtr((-0.5 - rating) / RATER_SPREAD)
    positive = torch.special.ndtr((rating - 0.5) / RATER_SPREAD)
    rated = torch.stack([negative, 1 - negative - positive, positive], 1)

    # A vote: its share, halfway to certain, for a majority is right more often than each of its voters.
    sure = (0.5 + 0.5 * rating).nan_to_num(nan=1.0).unsqueeze(1)
    voted = given * sure + (1 - given) * (1 - sure) / (len(LABELS) - 1)

    # Stars: four are sometimes meant as lukewarm, three are hardly ever praise.
    by_stars = torch.tensor([[1.0, 0, 0], [1, 0, 0], [0.9, 0.1, 0], [0.1, 0.8, 0.1], [0, 0.15, 0.85], [0, 0, 1]])
    starred = by_stars[rating.nan_to_num().clamp(0, 5).long()]

    kind = texts.domain.map(
        {"clothing": 0, "airline": 1, "cftweets": 1, "amazon": 2, "movie": 2, "nyt": 2, "tweets": 2}
    )
    chosen = torch.stack([starred, voted, rated])[torch.tensor(kind.to_numpy()), torch.arange(len(texts))]
    return 0.97 * chosen + 0.03 / len(LABELS)


def epochs(domains: pd.Series, number: int, rng: np.random.Generator) -> Iterator[npt.NDArray[np.int64]]:
    """Indices of the texts of each epoch: of every domain the next at most TEXTS_PER_DOMAIN of a random order."""
    orders = [rng.permutation(indices) for indices in domains.groupby(domains).indices.values()]
    for epoch in range(number):
        takes = [min(TEXTS_PER_DOMAIN, len(order)) for order in orders]
        starts = [epoch * take for take in takes]
        yield np.concatenate(
            [
                order.take(range(start, start + take), mode="wrap")
                for order, start, take in zip(orders, starts, takes, strict=True)
            ]
        )


def length_sorted(
    chosen: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], rng: np.random.Generator
) -> list[npt.NDArray[np.int64]]:
    """Random batches whose texts are of similar length, so that little is computed on padding."""
    chosen = rng.permutation(chosen)
    batches = []
    for pool in np.array_split(chosen, math.ceil(len(chosen) / (50 * BATCH_SIZE))):
        by_length = pool[np.argsort(lengths[pool], kind="stable")]
        batches += [by_length[i : i + BATCH_SIZE] for i in range(0, len(pool), BATCH_SIZE)]
    return [batches[i] for i in rng.permutation(len(batches))]


def export(
    task: TextClassification, network: TextClassifier, texts: Iterable[str], workdir: Path
) -> tuple[Path, Path, Verification]:
    """The fp32 graph, proven equal to `network` on `texts`, and the int8 graph made of it."""
    batch = task.collate(encode(task, texts))
    varying = {0: Dim("batch", min=1, max=4096), 1: Dim("tokens", min=2, max=minilm.MAX_TOKENS)}
    graph = to_onnx(
        network,
        [torch.from_numpy(array) for array in batch.values()],
        workdir / "fp32.onnx",
        input_names=list(batch),
        output_names=["logits"],
        dynamic_shapes=[varying, varying],
    )
    verification = verify_export(network, graph, batch, tolerance=1e-4)
    return graph, quantize_dynamic_int8(graph, workdir / "int8.onnx"), verification


def encode(task: TextClassification, texts: Iterable[str]) -> list[Tensors]:
    """The rows that the service would make of `texts`."""
    parameters = TextClassificationParameters(truncate=True)
    return [row for text in texts for row in task.preprocess(TextInput(text=text), parameters).rows]


def infer(task: TextClassification, graph: Path, texts: Iterable[str]) -> Scores:
    """Logits of `texts`, in batches of similar length."""
    sessions: Mapping[str, Session] = {"model": load_onnx(graph, RuntimeOptions(device="cpu", threads=2))}
    rows = encode(task, texts)
    order = np.argsort([task.length(row) for row in rows], kind="stable")
    logits = np.empty((len(rows), len(LABELS)), np.float32)
    for start in range(0, len(order), BATCH_SIZE):
        batch = order[start : start + BATCH_SIZE]
        logits[batch] = task.forward(sessions, task.collate([rows[i] for i in batch]))["logits"]
    return logits


def vader_scores(texts: Iterable[str]) -> Scores:
    """The rules of Hutto and Gilbert, with the thresholds they recommend."""
    analyzer = SentimentIntensityAnalyzer()
    compound = np.array([analyzer.polarity_scores(text)["compound"] for text in texts])
    return np.stack([-compound, np.full(len(compound), 0.05), compound], 1)


def tfidf_scores(train: pd.DataFrame, texts: Iterable[str]) -> Scores:
    """Words and pairs of words, weighed by rarity, in a linear model: what a day's work would give."""
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True), LogisticRegression(C=5.0, max_iter=1000)
    )
    scores: Scores = model.fit(train.text, train.label).predict_proba(texts)
    return scores


def accuracies(texts: pd.DataFrame, scores: Scores) -> pd.DataFrame:
    """For each domain, and as the mean of the domains ("macro"): accuracy over the three labels, and of telling
    positive from negative where a text is either."""
    right = pd.Series(scores.argmax(1) == texts.label, dtype=float)
    right_side = pd.Series((scores[:, POSITIVE] >= scores[:, NEGATIVE]) == (texts.label == POSITIVE), dtype=float)
    right_side = right_side.where(texts.label != NEUTRAL)
    by_domain = pd.DataFrame({"accuracy_3class": right, "accuracy_pos_neg": right_side}).groupby(texts.domain).mean()
    return pd.concat([by_domain, by_domain.mean().to_frame("macro").T])


def quality(test: pd.DataFrame, scores: Mapping[str, Scores], baselines: Mapping[str, Scores]) -> Iterator[Metric]:
    """All figures of the int8 graph beside the baselines, and what int8 changed."""
    split = f"test, {len(test):,} texts"
    mean = "mean of seven domains of English text"
    found = {name: accuracies(test, logits) for name, logits in scores.items()}
    beside = {name: accuracies(test, others) for name, others in baselines.items()}
    for domain in ("macro", *found["int8"].index.drop("macro")):
        for measure in found["int8"].columns:
            yield Metric(
                name=measure if domain == "macro" else f"{measure}_{domain}",
                value=round(found["int8"].loc[domain, measure], 4),
                dataset=mean if domain == "macro" else domain,
                split=split,
                baselines={name: round(table.loc[domain, measure], 4) for name, table in beside.items()},
            )
    for measure in found["fp32"].columns:
        value = round(found["fp32"][measure]["macro"], 4)
        yield Metric(name=f"{measure}_of_fp32", value=value, dataset=mean, split=split)
    agree = (scores["int8"].argmax(1) == scores["fp32"].argmax(1)).mean()
    yield Metric(name="agreement_with_fp32", value=round(float(agree), 4), dataset="all texts", split=split)


RECIPE = Recipe(
    name="reviews-sentiment",
    task=TextClassification.name,
    summary="sentiment of English reviews and tweets in three classes; MiniLM-L6, int8",
    make=make,
    must_reach={"accuracy_3class": 0.786, "accuracy_pos_neg": 0.906},
)
