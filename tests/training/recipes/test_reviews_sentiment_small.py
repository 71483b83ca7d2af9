from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from app.repository.manifest import Manifest
from training.build import build
from training.data.minilm import load_bert
from training.errors import TrainingError
from training.networks.minilm import TextClassifier
from training.recipe import Run
from training.recipes.reviews_sentiment import WEIGHTS
from training.recipes.reviews_sentiment_small import LAYERS, RECIPE, student_of
from training.recipes.sentiment_teacher import GRAPH, published

MODELS = Path(__file__).parents[3] / "models"


@pytest.fixture(scope="module")
def teacher() -> TextClassifier:
    torch.manual_seed(0)
    try:
        return TextClassifier(load_bert(), 3).eval()
    except TrainingError as error:
        pytest.skip(str(error))


def test_a_student_starts_from_layers_of_its_teacher_and_shares_no_weights(teacher: TextClassifier) -> None:
    student = student_of(teacher)
    assert len(student.bert.encoder.layer) == 2
    for layer, origin in zip(student.bert.encoder.layer, LAYERS, strict=True):
        for one, other in zip(layer.parameters(), teacher.bert.encoder.layer[origin].parameters(), strict=True):
            assert torch.equal(one, other)
            assert one.data_ptr() != other.data_ptr()
    assert len(teacher.bert.encoder.layer) == 6
    ids = torch.tensor([[101, 2204, 102]])
    assert student(ids, torch.ones_like(ids)).shape == (1, 3)


def test_a_source_with_neither_weights_nor_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"has no \*\.csv or \*\.jsonl or \*\.parquet with the columns text, label"):
        RECIPE.load(Run(tmp_path, tiny=True, source=str(tmp_path)))


def test_a_student_stands_beside_its_teacher(teacher: TextClassifier, tmp_path: Path) -> None:
    source = tmp_path / "teacher"
    source.mkdir()
    save_file({name: tensor.contiguous() for name, tensor in teacher.state_dict().items()}, source / WEIGHTS)
    (tmp_path / "work").mkdir()
    build(RECIPE, Run(tmp_path / "work", tiny=True, source=str(source)), tmp_path / "models")
    folder = tmp_path / "models" / RECIPE.name / "1"
    manifest = Manifest.model_validate_json((folder / "manifest.json").read_text(encoding="utf-8"))
    measured = {metric.name: metric for metric in manifest.metrics}
    assert "teacher" in measured["accuracy_3class"].baselines
    assert manifest.files["model.onnx"].size < 18e6
    assert "| teacher, int8 |" in (folder / "card.md").read_text(encoding="utf-8")


def test_the_published_version_teaches_and_gives_its_weights(teacher: TextClassifier, tmp_path: Path) -> None:
    found = published(Run(tmp_path, models=MODELS))
    assert found
    assert found.files[GRAPH] == MODELS / "reviews-sentiment" / "3" / "model.onnx"
    assert found.sources[0].used_for.startswith("teacher")
    assert "reviews-sentiment, version 3, as it was published" in found.notes
    assert not torch.equal(found.network.head.weight, teacher.head.weight)
    assert published(Run(tmp_path, models=tmp_path / "none")) is None


def test_a_version_that_learned_from_other_texts_does_not_teach(tmp_path: Path) -> None:
    name = Path("reviews-sentiment", "3", "manifest.json")
    manifest = Manifest.model_validate_json((MODELS / name).read_text(encoding="utf-8"))
    assert manifest.provenance
    own = manifest.provenance.model_copy(update={"command": "python -m training reviews-sentiment --source shop"})
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(manifest.model_copy(update={"provenance": own}).model_dump_json(), encoding="utf-8")
    assert published(Run(tmp_path, models=tmp_path)) is None
