"""A graph that was compared with torch is known again by its sha256, where torch is not."""

from pathlib import Path

import pytest

from app.repository.manifest import Verification
from app.repository.publish import sha256_of
from training.data import minilm
from training.errors import TrainingError
from training.graphs import compared as kept
from training.graphs.compared import Compared, compared
from training.graphs.sentences import write_sentences

FOUND = Compared(verification=Verification(batch_1=1e-7, batch_n=1e-7, n=2, inputs=2), figure=0.5)


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"a graph")
    known = FOUND.model_copy(update={"sha256": sha256_of(path)})
    (tmp_path / "compared.json").write_text(f'{{"known": {known.model_dump_json()}}}')
    monkeypatch.setattr(kept, "KEPT", tmp_path / "compared.json")
    return path


def test_with_torch_it_is_compared_and_a_change_is_told(graph: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = FOUND.model_copy(update={"figure": 0.75})
    found, remark = compared("known", graph, lambda: other)
    assert (found.figure, remark) == (0.75, "")
    assert capsys.readouterr().err == ""
    graph.write_bytes(b"another graph")
    compared("known", graph, lambda: other)
    assert "model.onnx is not the graph that compared.json has" in capsys.readouterr().err


def test_without_torch_the_kept_figures_are_those_of_this_graph_only(
    graph: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compare() -> Compared:
        raise AssertionError("torch is not there")

    monkeypatch.setattr(kept, "can_train", lambda: False)
    found, remark = compared("known", graph, compare)
    assert (found.figure, found.verification) == (FOUND.figure, FOUND.verification)
    assert "sha256" in remark
    for name, content in (("known", b"another graph"), ("unknown", b"a graph")):
        graph.write_bytes(content)
        with pytest.raises(TrainingError, match=f"{name} was not compared with torch as it comes out here"):
            compared(name, graph, compare)


def test_the_summarizers_graph_is_the_one_that_was_compared(
    tmp_path: Path,
) -> None:
    try:
        bert = minilm.bert_arrays()
    except TrainingError as error:
        pytest.skip(str(error))
    assert sha256_of(write_sentences(bert, tmp_path)) == kept.kept()["article-summarizer"].sha256
