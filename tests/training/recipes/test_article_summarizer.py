from pathlib import Path

import numpy as np
import pytest
from published import built, opened
from small_bert import save_small_bert

from app.repository.manifest import Manifest
from app.serving.loading import Loaded
from app.tasks.summarization import Summarization
from app.tasks.summary_schema import ArticleInput, SummarizationParameters
from app.tasks.view import predict_alone
from app.tensors import Session
from training.baselines import summarizer
from training.baselines.summarizer import CONFIG, KINDS
from training.build import build
from training.errors import TrainingError
from training.graphs.sentences import sentence_rows
from training.recipe import Run
from training.recipes.article_summarizer import ARTICLE, CHINESE_ARTICLE, RECIPE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(RECIPE, Run(tmp_path_factory.mktemp("work"), tiny=True), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def served(folder: Path) -> Loaded:
    return opened(folder.parents[1], RECIPE.name)


@pytest.fixture(scope="module")
def manifest(served: Loaded) -> Manifest:
    return served.manifest


@pytest.fixture(scope="module")
def task(served: Loaded) -> Summarization:
    (own, *_) = served.views
    assert isinstance(own, Summarization)
    return own


@pytest.fixture(scope="module")
def session(served: Loaded) -> Session:
    return served.sessions["model"]


def test_the_published_graph_answers_its_golden_examples(manifest: Manifest) -> None:
    assert len(manifest.golden) == 4


def test_what_was_exported_sees_sentences_as_torch_does(manifest: Manifest) -> None:
    assert {metric.name: metric.value for metric in manifest.metrics}["smallest_cosine_to_torch"] > 0.9999


def test_a_batch_answers_as_each_row_does_alone(task: Summarization, session: Session) -> None:
    rows = sentence_rows(task, [ARTICLE, CHINESE_ARTICLE])
    assert len({task.kernel.length(row) for row in rows}) > 1
    together = np.stack([answer["embedding"] for answer in task.kernel.run({"model": session}, rows)])
    alone = np.stack([task.kernel.run({"model": session}, [row])[0]["embedding"] for row in rows])
    assert together == pytest.approx(alone, abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1, abs=1e-5)
    assert together.dtype == np.float32


def test_sentences_of_one_meaning_are_closer_than_those_of_two(task: Summarization, session: Session) -> None:
    rows = sentence_rows(
        task, ["The ferry was cancelled because of the storm. Bad weather stopped the boat. The bank raised its rates."]
    )
    ferry, boat, bank = (answer["embedding"] for answer in task.kernel.run({"model": session}, rows))
    assert ferry @ boat > ferry @ bank + 0.2


def test_both_topics_of_an_article_are_in_its_summary(task: Summarization, session: Session) -> None:
    text = (
        "Heavy snow closed the airport of Oslo on Tuesday. Passengers slept in the halls of the airport. "
        "All flights from Oslo were cancelled because of the snow. The airport hopes to open again on Thursday.\n\n"
        "Doctors in Lima have tested a new vaccine against malaria. The vaccine protected most children in the trial. "
        "Malaria still kills many children every year. The doctors will test the vaccine in three more countries."
    )
    summary = predict_alone(task, {"model": session}, ArticleInput(text=text), SummarizationParameters())
    first, *_, last = summary.sentences
    assert first.end < text.index("Doctors") <= last.start


def test_the_card_has_every_way_of_summarising_and_no_figure_of_other_settings(manifest: Manifest) -> None:
    metrics = {metric.name: metric for metric in manifest.metrics}
    for kind in KINDS:
        assert {"lead-3", "LexRank without position"} <= metrics[f"rouge1_{kind}"].baselines.keys()
        assert metrics[f"gain_{kind}_low"].value <= metrics[f"gain_{kind}"].value <= metrics[f"gain_{kind}_high"].value
    assert all(metrics[name].value >= least for name, least in RECIPE.must_reach.items())


def test_figures_of_other_settings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summarizer, "CONFIG", CONFIG.model_copy(update={"position_weight": 0.5}))
    with pytest.raises(TrainingError, match=r"python -m training\.baselines article-summarizer"):
        summarizer.measured()


def test_an_encoder_of_ones_own_makes_a_version_that_says_so(tmp_path: Path) -> None:
    source, work = save_small_bert(tmp_path / "encoder"), tmp_path / "work"
    work.mkdir()
    made = build(RECIPE, Run(work, source=str(source)), tmp_path / "models")
    resumed = build(RECIPE, Run(work, source=str(source), resume=True), tmp_path / "models")
    assert (resumed.metrics, resumed.files["model.onnx"]) == (made.metrics, made.files["model.onnx"])
    assert [metric.name for metric in made.metrics] == ["smallest_cosine_to_torch"]
    assert made.metrics[0].value > 0.9999
    assert made.outputs[0].shape == (-1, 32)
    assert [source.name for source in made.provenance.sources] == [source.name]
    assert f"compared by {source.name}" in made.description
    card = (tmp_path / "models" / RECIPE.name / "1" / "card.md").read_text(encoding="utf-8")
    for claim in ("Reuters", "MiniLM-L6 as", "ROUGE"):
        assert claim not in card
