import pytest
from conftest import publish_sentiment, ready

from app.__main__ import main
from app.main import build
from app.repository.cascade import CascadeManifest, CascadeStep
from app.repository.making import MAKING, TUNING, Making, read_making, write_making
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.settings import Settings
from app.tuning import tune_when_idle


@pytest.fixture(autouse=True)
def here(models_dir, monkeypatch):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("TESSERA_DEVICE", "cpu")


def plans(models_dir):
    return sorted(models_dir.glob("*/tuning/*.json"))


def test_every_model_is_tuned_and_the_repository_stays_sound(models_dir, capsys):
    assert main(["tune", "--seconds", "0.1"]) == 0
    shown = capsys.readouterr().out
    assert "tiny-sentiment version 1" in shown
    assert "chosen: fp32" in shown
    assert [path.name.split("-")[0] for path in plans(models_dir)] == ["1"]
    repository = ModelRepository(models_dir)
    assert repository.names() == ["tiny-sentiment"]
    assert repository.verify(repository.read("tiny-sentiment", 1))


def test_what_is_known_is_measured_again_only_when_asked_to(models_dir, capsys, tmp_path):
    assert main(["tune", "--seconds", "0.1"]) == 0
    capsys.readouterr()
    assert main(["tune", "--seconds", "0.1", "--if-missing"]) == 0
    assert capsys.readouterr().out == ""
    publish_sentiment(models_dir, tmp_path / "2")
    assert main(["tune", "--seconds", "0.1", "--if-missing"]) == 0
    assert "version 2" in capsys.readouterr().out


def test_what_cannot_be_tuned_is_said_in_one_line_and_the_others_are_done(models_dir, capsys):
    assert main(["tune", "nothing", "tiny-sentiment", "--seconds", "0.1"]) == 1
    captured = capsys.readouterr()
    assert captured.err == "error: no model 'nothing'; there are: tiny-sentiment\n"
    assert len(plans(models_dir)) == 1


def test_a_repository_that_cannot_be_written_to_is_an_error(models_dir, capsys):
    (models_dir / "tiny-sentiment" / "tuning").write_text("in the way")
    assert main(["tune", "--seconds", "0.1"]) == 1
    assert capsys.readouterr().err.startswith("error: tiny-sentiment: ")


def test_a_card_tells_how_old_and_how_sure_the_plan_is(models_dir):
    def tuning():
        application, _ = build(Settings(models_dir=models_dir, device="cpu"))
        with ready(application) as client:
            return client.get("/v1/models/tiny-sentiment").json()["tuning"]

    quick = tuning()
    assert quick["by"] == "load"
    assert any("half a second" in doubt for doubt in quick["doubts"])
    assert main(["tune", "--seconds", "0.3"]) == 0
    planned = tuning()
    assert planned["by"] == "tune"
    assert planned["threads"] * planned["instances"] == Settings().threads
    assert 0 <= planned["age_s"] < 600
    assert planned["spread"] >= 0
    assert planned["others"] is None or 0 <= planned["others"] <= 1
    assert planned["slower"] == 1
    assert not any("half a second" in doubt for doubt in planned["doubts"])


def test_of_a_pipeline_or_cascade_the_steps_are_tuned(models_dir, capsys):
    task = "text-classification"
    first = Step(name="first", model="tiny-sentiment", version=1, task=task)
    publish(
        models_dir, "twice", {}, kind=PipelineManifest,
        steps=(first, first.model_copy(update={"name": "second", "inputs": {"text": "first.0.label"}})),
    )  # fmt: skip
    assert main(["tune", "--seconds", "0.1", "twice"]) == 0
    assert capsys.readouterr().out == "twice is a pipeline: its steps are tuned, each by itself\n"
    small = CascadeStep(name="small", model="tiny-sentiment", version=1, enough=0.9)
    large = CascadeStep(name="large", model="tiny-sentiment", version=1)
    publish(models_dir, "sure", {}, kind=CascadeManifest, task=task, steps=(small, large))
    assert main(["tune", "--seconds", "0.1", "sure"]) == 0
    assert capsys.readouterr().out == "sure is a cascade: its steps are tuned, each by itself\n"
    assert not plans(models_dir)


def test_beside_a_service_each_model_waits_until_nobody_computes(models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "b", name="another")
    repository, options = ModelRepository(models_dir), RuntimeOptions(device="cpu", threads=1)
    told = []

    def wait(is_making):
        write_making(models_dir, MAKING, [Making(model="newcomer", state="making")] * (not told))
        told.append((is_making(), [(one.model, one.state) for one in read_making(models_dir, [TUNING])]))
        if len(told) == 1:  # what is published meanwhile is measured, too
            publish_sentiment(models_dir, tmp_path / "c", name="newcomer")

    tune_when_idle(repository, options, seconds=0.1, wait=wait)
    assert told[0] == (True, [("another", "waiting"), ("tiny-sentiment", "waiting")])
    assert not any(is_making for is_making, _ in told[1:])
    assert 3 <= len(told) <= 9  # on a machine that is busy while this is tested no plan is kept, after three tries
    assert not (models_dir / TUNING).exists()
