"""A model that writes text is measured by its steps, and runs by what was measured."""

from pathlib import Path

import pytest
from tiny_writer import publish_writer

from app.errors import ModelNotReady
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.loading import load
from app.serving.tune import tune

ON_TWO_CORES = RuntimeOptions(device="cpu", threads=2)


@pytest.fixture
def published(tmp_path: Path) -> tuple[ModelRepository, str]:
    manifest = publish_writer(tmp_path / "models", tmp_path / "scratch")
    return ModelRepository(tmp_path / "models"), manifest.name


def test_what_steps_take_is_measured_once_and_kept_in_the_plan(published: tuple[ModelRepository, str]) -> None:
    repository, name = published
    manifest = repository.read(name, 1)
    plan = tune(manifest, lambda: repository.verify(manifest), ON_TWO_CORES, seconds=0.05)
    assert plan.steps is not None
    assert (plan.threads, plan.instances) == (2, 1)
    loaded = load(manifest, lambda: repository.verify(manifest), ON_TWO_CORES, plan)
    assert loaded.stepping is not None
    assert loaded.stepping.cost.measured == plan.steps
    assert loaded.curve.seconds(1, 1) == pytest.approx(plan.curve.seconds(1, 1))


def test_a_plan_from_before_it_was_measured_by_steps_is_not_used(published: tuple[ModelRepository, str]) -> None:
    repository, name = published
    manifest = repository.read(name, 1)
    plan = tune(manifest, lambda: repository.verify(manifest), ON_TWO_CORES, seconds=0.05)
    loaded = load(manifest, lambda: repository.verify(manifest), ON_TWO_CORES, plan.model_copy(update={"steps": None}))
    assert loaded.stepping is not None
    assert not loaded.is_tuned


def test_text_is_not_written_on_a_gpu(published: tuple[ModelRepository, str]) -> None:
    repository, name = published
    manifest = repository.read(name, 1)
    with pytest.raises(ModelNotReady, match="CPU"):
        load(manifest, lambda: repository.verify(manifest), RuntimeOptions(device="cuda", threads=1))
    loaded = load(manifest, lambda: repository.verify(manifest), RuntimeOptions(device="auto", threads=1))
    assert loaded.placements["model"]["device"] == "cpu"
