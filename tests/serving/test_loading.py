"""One version on its way into memory: what is checked before it may answer, and when it is restored."""

from pathlib import Path
from typing import Any

import onnx
import pytest
from conftest import publish_sentiment
from onnx import TensorProto
from tiny_speech import RECOGNIZER, publish_recognizer, tone

from app.errors import InvalidArtifact
from app.repository.manifest import Golden
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import Loaded, load, restore

NAME = "tiny-sentiment"


def loaded(root: Path, name: str = NAME) -> Loaded:
    repository = ModelRepository(root)
    manifest = repository.read(name, repository.versions(name)[0])
    return load(manifest, lambda: repository.verify(manifest), RuntimeOptions(device="cpu", threads=2))


def test_a_version_is_measured_while_it_is_loaded_and_works_at_a_batch_on_each_core(models_dir):
    found = loaded(models_dir)
    assert (found.num_lanes, found.options.threads, found.is_tuned) == (2, 1, False)
    assert found.curve.seconds(1, found.kernel.lengths[0]) > 0
    assert [view.contract.name for view in found.views] == ["text-classification", "explanation"]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"task": "mind-reading"}, "task 'mind-reading' is not known; there are: image-classification"),
        ({"config": {"labels": ["a", "b"]}}, "config does not fit task text-classification: tokenizer: Field required"),
        (
            {"config": {"labels": ["a", "b"], "tokenizer": "nowhere.json", "max_tokens": 16}},
            "config names 'nowhere.json', which is not among the files",
        ),
        ({"golden": (Golden(input={"text": "bad"}, output=[{"label": "positive", "score": 1.0}]),)}, "another answer"),
        ({"golden": (Golden(input={"text": " "}, output=[]),)}, "golden example 0 fails: text: the text is empty"),
    ],
    ids=["task", "config", "file", "golden answer", "golden input"],
)
def test_what_is_not_as_the_manifest_says_is_not_loaded(tmp_path, fields: dict[str, Any], says: str):
    publish_sentiment(tmp_path / "models", tmp_path / "scratch", **fields)
    with pytest.raises(InvalidArtifact, match=says):
        loaded(tmp_path / "models")


def test_a_graph_that_reads_a_file_that_nobody_vouches_for_is_not_loaded(tmp_path):
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    graph = onnx.load(tmp_path / "models" / NAME / "1" / "model.onnx")
    weight = graph.graph.initializer[0]
    weight.ClearField("raw_data")
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="manifest.json")
    files = {"model.onnx": tmp_path / "outside.onnx", "tokenizer.json": tmp_path / "scratch" / "t.json"}
    onnx.save(graph, files["model.onnx"])
    publish(tmp_path / "models", NAME, files, **manifest.model_dump(exclude={"name", "version", "files"}))
    with pytest.raises(InvalidArtifact, match=r"weights from 'manifest\.json', which its manifest does not list"):
        loaded(tmp_path / "models")


def test_after_a_worker_died_the_files_are_checked_before_they_are_used_again(models_dir):
    found = loaded(models_dir)
    restore(found)
    tokenizer = models_dir / NAME / "1" / "tokenizer.json"
    tokenizer.write_bytes(tokenizer.read_bytes().replace(b"good", b"bood"))
    with pytest.raises(InvalidArtifact, match=r"tokenizer\.json has sha256"):
        restore(found)


def test_a_kernel_has_the_graphs_that_items_are_prepared_with_also_once_they_are_opened_anew(tmp_path):
    publish_recognizer(tmp_path / "models", tmp_path / "scratch")
    found, faint = loaded(tmp_path / "models", RECOGNIZER), tone(1) / 100
    assert found.kernel.speech_in(faint) == []
    found.kernel.prepare_with({})
    assert found.kernel.speech_in(faint) != []
    restore(found)
    assert found.kernel.speech_in(faint) == []
