"""Cascades, made by the real command of versions that are in models/."""

import asyncio
import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from engines import loaded

from app.repository.cascade import CascadeManifest
from app.repository.manifest import Artifact, Manifest
from app.repository.publish import MANIFEST, sha256_of
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask, Prediction
from app.serving.local import LocalEngine
from app.telemetry import Telemetry
from training.__main__ import main
from training.errors import TrainingError
from training.graphs.published import OpenedVersion, Scored, open_published
from training.measures.cascade import AskedBoth
from training.recipe import Run
from training.recipes.cascade_figures import costs
from training.recipes.cascades import answer, certain
from training.recipes.imagenet_cascade import RECIPE, examples
from training.recipes.two_models import JudgedSplit, Questions, judged

MODELS = Path(__file__).parents[3] / "models"
SMALL, LARGE = "imagenet-efficientnet", "imagenet-efficientnet-lite2"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lite0 in the place of Lite2, too, which takes minutes to make."""
    root = tmp_path_factory.mktemp("models")
    for name, version in ((SMALL, 2), (LARGE, 1)):
        folder = root / name / str(version)
        shutil.copytree(MODELS / SMALL / "2", folder)
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
        renamed = manifest.model_copy(update={"name": name, "version": version})
        (folder / MANIFEST).write_text(renamed.model_dump_json(), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def made(models: Path, tmp_path_factory: pytest.TempPathFactory) -> ModelRepository:
    """Both models, and the cascade of them that the command publishes."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(models, folder / "models")
    options = ["--tiny", "--publish-anyway", "--set", "loss=0.01"]
    places = ["--models", f"{folder / 'models'}", "--workdir", f"{folder / 'work'}"]
    assert main([RECIPE.name, *options, *places]) == 0
    return ModelRepository(folder / "models")


def test_a_cascade_is_made_of_what_is_published_with_its_card(made: ModelRepository) -> None:
    manifest = made.read(RECIPE.name, 1)
    assert isinstance(manifest, CascadeManifest)
    small, large = manifest.steps
    assert (small.model, small.version, large.model, large.version, large.enough) == (SMALL, 2, LARGE, 1, None)
    assert small.enough is not None
    of_the_last = made.read(LARGE, 1)
    assert (manifest.config, manifest.inputs, manifest.outputs) == (
        of_the_last.config,
        of_the_last.inputs,
        of_the_last.outputs,
    )
    measured = {metric.name: metric for metric in manifest.metrics}
    assert measured["accuracy_lost"].value == 0  # both are the same
    assert measured["within_stated_loss"].value == 1
    assert measured["answered_by_small"].value == pytest.approx(0.75)  # of four photos one less sure than the others
    assert measured["ms_a_row_batch_8"].baselines.keys() == {"the small model", "the large model"}
    assert manifest.golden
    assert manifest.provenance
    assert manifest.provenance.settings == {"loss": 0.01}
    assert [one.name for one in manifest.provenance.sources[:2]] == [f"{SMALL}, version 2", f"{LARGE}, version 1"]
    card = made.read_file(manifest, "card.md").decode()
    assert "| **at most 0.01 lost, validation** |" in card
    assert set(made.verify(manifest)) == {"card.md", "card/cost.png", "card/calibration.png"}


def test_a_model_that_is_missing_is_named_with_the_command_that_makes_it(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(models / SMALL, tmp_path / "models" / SMALL)
    assert main([RECIPE.name, "--models", str(tmp_path / "models"), "--workdir", str(tmp_path / "work")]) == 1
    assert f"has no {LARGE}, which the cascade asks: python -m training {LARGE} --models" in capsys.readouterr().err


def test_models_with_other_labels_make_no_cascade(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "models")
    folder = tmp_path / "models" / LARGE / "1"
    names = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    (folder / "labels.json").write_text(json.dumps(names[::-1]), encoding="utf-8")
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_text(encoding="utf-8"))
    path = folder / "labels.json"
    files = {**manifest.files, "labels.json": Artifact(sha256=sha256_of(path), size=path.stat().st_size)}
    (folder / MANIFEST).write_text(manifest.model_copy(update={"files": files}).model_dump_json(), encoding="utf-8")
    with pytest.raises(TrainingError, match="have other labels, so neither can answer for the other"):
        RECIPE.load(Run(tmp_path, tiny=True, models=tmp_path / "models"))


class Silent:
    """The large model in a test: it answers with its name."""

    def answer(self, item: Any, parameters: Mapping[str, Any]) -> str:
        return "large"


def test_what_the_small_model_is_unsure_of_is_answered_by_the_large_one(models: Path, tmp_path: Path) -> None:
    known = RECIPE.load(Run(tmp_path, tiny=True, models=models))
    item = examples(Run(tmp_path))[0]
    sure = known.small.confidence(item, {})
    assert sure
    (example,) = certain(known, sure / 2, [item])
    assert 1 <= example.parameters["top_k"] <= 3
    assert certain(known, sure, [item]) == []  # who answers it may differ between processors
    known = replace(known, large=cast(OpenedVersion, Silent()))
    assert answer(known, sure + 0.01, item, {}) == "large"
    assert answer(known, sure - 0.01, item, {"top_k": 1}) == known.small.answer(item, {"top_k": 1})


def test_the_service_answers_as_the_recipe_did(made: ModelRepository) -> None:
    golden = made.read(RECIPE.name, 1).golden
    assert golden

    async def asked() -> list[Prediction]:
        engine = LocalEngine(made, Telemetry(), options=RuntimeOptions(threads=1))

        async def ask() -> list[Prediction]:
            contract = engine.live(RECIPE.name).served.contract
            found = []
            for one in golden:
                items, parameters = [contract.Input(**one.input)], contract.Parameters(**one.parameters)
                found.append(await engine.predict(Ask(RECIPE.name, None, RECIPE.task, items, parameters, 30.0)))
            return found

        return await loaded(engine, ask)

    for one, prediction in zip(golden, asyncio.run(asyncio.wait_for(asked(), 120)), strict=True):
        assert prediction.answered_by in (("small",), ("large",))
        assert [label.label for label in prediction.outputs[0]] == [label["label"] for label in one.output]
        assert [label.score for label in prediction.outputs[0]] == pytest.approx(
            [label["score"] for label in one.output], abs=0.01
        )


def test_without_labels_the_large_model_is_right_and_the_scores_are_those_of_who_answers(models: Path) -> None:
    small = open_published(models, SMALL)
    items = examples(Run(Path()))
    found = judged(RECIPE.load(Run(Path(), tiny=True, models=models)), Questions(items, None, ["photos"] * len(items)))
    assert found.asked.large.tolist() == found.asked.small.tolist() == [1.0] * len(items)
    assert np.allclose(found.small.confidence, found.small.scores.max(1))
    assert found.scores(0.5).shape == (len(items), len(small.labels))


def test_a_cascade_that_clearly_loses_more_than_was_said_is_not_within_it() -> None:
    numbers = np.arange(400)
    small = np.where(numbers % 10 < 2, 0.0, 1.0)
    asked = AskedBoth(np.full(400, 0.9), small, np.ones(400), np.zeros(400, int))
    scored = Scored(np.eye(2)[numbers % 2], np.full(400, 0.9))
    test = JudgedSplit(scored, scored, asked, numbers % 2, ["all"])
    for enough, loss, within in ((0.8, 0.002, 0.0), (0.8, 0.19, 1.0), (0.95, 0.002, 1.0)):
        found = {one.name: one for one in costs(test, enough, loss, {1: (0.001, 0.01), 8: (0.001, 0.01)}, "", "texts")}
        assert found["within_stated_loss"].value == within
        assert found["accuracy_lost"].value == (0.2 if enough == 0.8 else 0)
        assert found["time_saved"].value == pytest.approx(0.9 if enough == 0.8 else -0.1)
