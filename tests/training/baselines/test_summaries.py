from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from app.tasks.sentences import Sentence
from app.tasks.summary_schema import SummarizationConfig
from app.tasks.view import Prepared
from app.tensors import Tensors
from training.baselines import summaries
from training.baselines.summaries import KeptEmbeddings, ReadText
from training.baselines.summarizer import CONFIG, NAME, SPLIT, measured, settings
from training.baselines.table import kept_table
from training.data.summarized_texts import DATA_SHA256
from training.errors import TrainingError

ONE, TWO = "The pool opens in June.", "It was closed for years."


class CountRuns:
    """Answers each row with its first token, and counts the rows that it was asked for."""

    def __init__(self) -> None:
        self.num_rows = 0

    def run(self, sessions: object, rows: Sequence[Tensors]) -> list[Tensors]:
        self.num_rows += len(rows)
        return [{"embedding": row["input_ids"][:1].astype(np.float32)} for row in rows]


def text_of(sentences: Sequence[str], embeddings: np.ndarray, reference: str = "") -> ReadText:
    return ReadText(reference, Prepared([], [Sentence(text, 0, 0) for text in sentences]), embeddings)


def row(*ids: int) -> Tensors:
    return {"input_ids": np.array(ids)}


def test_a_sentence_is_read_once_whichever_texts_it_is_in(tmp_path: Path) -> None:
    task = CountRuns()
    embed = KeptEmbeddings(task, None, tmp_path / "kept.npz")  # type: ignore[arg-type]
    embed.learn([row(7, 1), row(9), row(7, 1)])
    embed.learn([row(9)])
    assert task.num_rows == 2
    again = KeptEmbeddings(task, None, tmp_path / "kept.npz")  # type: ignore[arg-type]
    again.learn([row(7, 1)])
    assert task.num_rows == 2
    assert [again[row(7, 1)][0], again[row(9)][0]] == [7, 9]


def test_the_lead_is_what_comes_first() -> None:
    text = text_of([ONE, TWO, ONE, "No more."], np.eye(4))
    assert summaries.lead(text) == f"{ONE} {TWO} {ONE}"
    assert summaries.lead_of_length(text, 7) == "The pool opens in June. It was"
    assert len(summaries.at_random(text).split()) > 3
    assert summaries.at_random(text) == summaries.at_random(text)


def test_a_configuration_summarises_as_the_service_does() -> None:
    try:
        ours = summaries.by_config(CONFIG)
    except TrainingError as error:
        pytest.skip(str(error))
    axes = np.eye(5, dtype=np.float32)
    of_the_pool = (axes[0] + axes[1:4]) / np.sqrt(2, dtype=np.float32)
    text = text_of([ONE, TWO, "Ticket prices rise.", "Cats sleep."], np.stack([*of_the_pool, axes[4]]))
    assert ours(text) == f"{ONE} {TWO} Ticket prices rise."


def test_of_configurations_that_lose_nothing_on_news_the_best_elsewhere_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("rouge_score")

    def picks(*places: int) -> summaries.Method:
        return lambda text: " ".join(text.sentences[i].text for i in places)

    ways = {0.0: picks(0, 1, 2), 1.0: picks(1, 2, 3), 2.0: picks(0, 1, 3)}
    monkeypatch.setattr(summaries, "by_config", lambda config: ways[config.position_weight])
    choices = [CONFIG.model_copy(update={"position_weight": weight}) for weight in ways]
    sentences = ["alpha", "beta", "gamma", "delta"]
    sets = {
        "news": [text_of(sentences, np.eye(4), "alpha beta")],
        "articles": [text_of(sentences, np.eye(4), "gamma delta")],
    }
    chosen: SummarizationConfig = summaries.best(choices, sets)
    assert chosen.position_weight in (0.0, 2.0)
    sets["articles"] = [text_of(sentences, np.eye(4), "delta")]
    assert summaries.best(choices, sets).position_weight == 2.0


def test_the_committed_table_is_of_the_recipes_texts_and_settings() -> None:
    table = kept_table(NAME, data_sha256=DATA_SHA256, split=SPLIT)
    assert table.settings[NAME] == settings(CONFIG)
    assert measured() == table
