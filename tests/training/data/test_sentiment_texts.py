from pathlib import Path

import pytest
import torch
from torch import nn

from app.tasks.text_classification import TextClassification, TextClassificationKernel
from training.data.reading import CONFIG, write_tokenizer
from training.data.sentiment import LABELS, SOURCES
from training.data.sentiment_texts import WEIGHTS, load_texts
from training.errors import TrainingError
from training.loop.curriculum import curriculum_of
from training.recipe import Run
from training.recipes.reviews_sentiment import load_weights


def write_texts(folder: Path, count: int, labels: tuple[str, ...] = LABELS) -> None:
    rows = [f"{('shoes', 'hats')[i % 2]},this is number {i},{labels[i % len(labels)]}" for i in range(count)]
    (folder / "texts.csv").write_text("\n".join(["domain,text,label", *rows]))


def test_texts_of_ones_own_are_split_the_same_each_time(tmp_path: Path) -> None:
    write_texts(tmp_path, 300)
    first, again = (load_texts(Run(tmp_path, source=str(tmp_path))) for _ in range(2))
    assert first.is_own
    assert first.breadth == "2 domains"
    assert [source.name for source in first.sources] == [tmp_path.name]
    assert len(first.train) + len(first.validation) + len(first.test) == 300
    assert first.test.text.tolist() == again.test.text.tolist()
    assert not set(first.train.text) & set(first.test.text)


def test_near_duplicates_stay_in_one_split(tmp_path: Path) -> None:
    rows = [
        f"{how},positive"
        for i in range(200)
        for how in (f"number {i}", f"RT @me: Number {i}!", f"number {i} http://x.y/{i}")
    ]
    (tmp_path / "a.csv").write_text("\n".join(["text,label", *rows, "not,negative"]))
    texts = load_texts(Run(tmp_path, source=str(tmp_path)))
    for split in (texts.validation, texts.test):
        assert len(split) % 3 == 0


def test_every_label_of_ones_own_is_certain_and_every_text_shown(tmp_path: Path) -> None:
    write_texts(tmp_path, 300)
    texts = load_texts(Run(tmp_path, source=str(tmp_path)))
    try:
        task = TextClassification(
            TextClassificationKernel(CONFIG, {CONFIG.tokenizer: write_tokenizer(tmp_path / "tokenizer.json")})
        )
    except TrainingError as error:
        pytest.skip(str(error))
    shown = curriculum_of(texts, task, Run(tmp_path))
    assert len(shown) == len(texts.train)
    targets = torch.stack([shown[i][1] for i in range(len(shown))])
    assert targets.max(1).values.min() == pytest.approx(0.98)
    assert targets.argmax(1).bincount().tolist() == texts.train.label.value_counts().sort_index().tolist()


@pytest.mark.parametrize(
    ("count", "labels", "says"),
    [
        pytest.param(30, LABELS, "too few texts: .* for train, .* at least 10 for each", id="few"),
        pytest.param(300, ("positive",), "with 1 of the labels to train on", id="one label"),
    ],
)
def test_too_little_to_learn_from_is_said(count: int, labels: tuple[str, ...], says: str, tmp_path: Path) -> None:
    write_texts(tmp_path, count, labels)
    with pytest.raises(TrainingError, match=says):
        load_texts(Run(tmp_path, source=str(tmp_path)))


def test_a_domain_called_as_the_mean_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("text,label,domain\nfine,positive,macro\n")
    with pytest.raises(TrainingError, match=r"a.csv, line 2: a domain called as the mean of all"):
        load_texts(Run(tmp_path, source=str(tmp_path)))


def test_given_weights_are_a_source_of_the_card(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    try:
        texts = load_texts(Run(tmp_path, tiny=True, source=str(tmp_path)))
    except TrainingError as error:
        pytest.skip(str(error))
    assert (texts.is_own, texts.weights) == (False, tmp_path / WEIGHTS)
    assert [source.name for source in texts.sources[len(SOURCES) :]] == [tmp_path.name]


def test_weights_of_another_network_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / WEIGHTS).write_bytes(b"no weights at all")
    with pytest.raises(TrainingError, match="has no weights of this network") as raised:
        load_weights(nn.Linear(2, 2), tmp_path / WEIGHTS)  # type: ignore[arg-type]
    assert "\n" not in str(raised.value)
