from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from app.tasks.text_classification import TextClassification, TextClassificationKernel
from training.data.reading import CONFIG, Scores, write_tokenizer
from training.errors import TrainingError
from training.loop.curriculum import Curriculum, Taught, rated, smoothed, soft_targets


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TextClassification:
    try:
        tokenizer: Path = write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "tokenizer.json")
    except TrainingError as error:
        pytest.skip(str(error))
    return TextClassification(TextClassificationKernel(CONFIG, {CONFIG.tokenizer: tokenizer}))


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    """Texts of as many words as their number, so that their lengths tell which they are."""
    return pd.DataFrame(
        {
            "domain": ["airline"] * 90 + ["tweets"] * 10,
            "text": [" ".join(["word"] * (i + 1)) for i in range(100)],
            "label": 1,
            "rating": 0.0,
        }
    )


@pytest.mark.parametrize(
    ("domain", "label", "rating", "expected"),
    [
        pytest.param("movie", 2, 3.5, [0, 0, 1], id="raters agree"),
        pytest.param("movie", 1, 0.3, [0.05, 0.6, 0.35], id="raters are nearly divided"),
        pytest.param("airline", 0, 1.0, [1, 0, 0], id="all voted the same"),
        pytest.param("cftweets", 1, 0.6, [0.1, 0.8, 0.1], id="a narrow vote"),
        pytest.param("cftweets", 1, np.nan, [0, 1, 0], id="a vote without a share"),
        pytest.param("clothing", 2, 4.0, [0, 0.15, 0.85], id="four stars"),
        pytest.param("clothing", 0, 1.0, [1, 0, 0], id="one star"),
    ],
)
def test_targets_are_as_sure_as_the_people_who_rated(
    domain: str, label: int, rating: float, expected: list[float]
) -> None:
    targets = soft_targets(pd.DataFrame({"domain": [domain], "label": [label], "rating": [rating]}))
    assert targets[0].tolist() == pytest.approx(expected, abs=0.03)
    assert float(targets.sum()) == pytest.approx(1)
    assert targets.dtype == torch.float32


def test_an_epoch_takes_its_share_of_each_domain_and_goes_on_where_the_last_one_stopped(
    task: TextClassification, texts: pd.DataFrame
) -> None:
    curriculum = Curriculum(task, texts, most={"airline": 40})
    first = set(curriculum.lengths)
    curriculum.set_epoch(1)
    second = set(curriculum.lengths)
    assert len(first) == len(second) == len(curriculum) == 50
    assert len(first & second) == 10  # the tweets, all of them in every epoch


def test_an_epoch_is_the_same_whenever_it_is_asked_for(task: TextClassification, texts: pd.DataFrame) -> None:
    def lessons(rng: np.random.Generator) -> pd.DataFrame:
        return pd.DataFrame({"text": ["so good " * int(rng.integers(1, 60))], "rating": [3.0]})

    curriculum = Curriculum(task, texts, lessons)
    curriculum.set_epoch(1)
    second = curriculum.lengths.tolist()
    curriculum.set_epoch(0)
    assert curriculum.lengths.tolist() != second
    curriculum.set_epoch(1)
    assert curriculum.lengths.tolist() == second


def test_lessons_are_shown_with_the_targets_of_their_ratings(task: TextClassification, texts: pd.DataFrame) -> None:
    ratings = pd.Series([3.0, -3.0])
    curriculum = Curriculum(task, texts, lambda _: pd.DataFrame({"text": ["good", "bad"], "rating": ratings}))
    assert len(curriculum) == 102
    shown = torch.stack([curriculum[i][1] for i in (100, 101)])
    assert torch.equal(shown, smoothed(rated(ratings)))
    assert shown.argmax(1).tolist() == [2, 0]


def test_a_batch_has_the_tokens_that_the_service_would_see(task: TextClassification, texts: pd.DataFrame) -> None:
    ids, mask, targets = next(iter(Curriculum(task, texts.tail(3).reset_index(drop=True)).loader(8)))
    assert ids.shape == mask.shape == (3, 102)
    assert (ids[:, 0] == 101).all()
    assert targets.shape == (3, 3)


def test_what_a_teacher_answers_stands_beside_what_people_said_and_is_asked_once_for_an_epoch(
    task: TextClassification, texts: pd.DataFrame
) -> None:
    asked: list[list[str]] = []

    def ask(given: Iterable[str]) -> Scores:
        asked.append(list(given))
        return np.full((2, 3), 9.0)

    ratings = pd.Series([3.0, -3.0])
    curriculum = Curriculum(
        task,
        texts,
        lambda _: pd.DataFrame({"text": ["good", "bad"], "rating": ratings}),
        taught=Taught(np.arange(300.0).reshape(100, 3), ask),
    )
    curriculum.set_epoch(0)
    assert asked == [["good", "bad"]]
    for ids, (said, taught) in (curriculum[i] for i in range(100)):
        number = len(ids) - 3  # words, without the two tokens around them
        assert taught.tolist() == [3.0 * number, 3.0 * number + 1, 3.0 * number + 2]
        assert torch.equal(said, soft_targets(texts)[number])
    assert curriculum[100][1].tolist() == [smoothed(rated(ratings))[0].tolist(), [9.0] * 3]
    assert next(iter(curriculum.loader(8)))[2].shape == (8, 2, 3)
    curriculum.set_epoch(1)
    assert len(asked) == 2
