"""A version that must not be served is not, and the one before goes on."""

import json

import pytest
from conftest import POSITIVE, publish_sentiment
from test_engine import NAME, edit_manifest, go, new_engine, predict, reason, states

from app.errors import ModelNotReady

__all__ = ["new_engine"]


def broken_file(models_dir, version):
    (models_dir / NAME / str(version) / "model.onnx").write_bytes(b"\0" * 10)


def one_byte_changed(models_dir, version):
    path = models_dir / NAME / str(version) / "tokenizer.json"
    path.write_bytes(path.read_bytes().replace(b"good", b"gold"))


def missing_file(models_dir, version):
    (models_dir / NAME / str(version) / "model.onnx").unlink()


def wrong_golden(models_dir, version):
    wrong = [{**label, "score": 0.5} for label in POSITIVE]
    edit_manifest(models_dir, version, golden=[{"input": {"text": "a good film"}, "output": wrong}])


def golden_that_cannot_be_answered(models_dir, version):
    edit_manifest(models_dir, version, golden=[{"input": {"txt": "a good film"}, "output": []}])


def half_a_manifest(models_dir, version):
    path = models_dir / NAME / str(version) / "manifest.json"
    path.write_text(path.read_text()[:200])


def another_name(models_dir, version):
    edit_manifest(models_dir, version, name="somebody-else")


def unknown_task(models_dir, version):
    edit_manifest(models_dir, version, task="mind-reading")


def unknown_key(models_dir, version):
    edit_manifest(models_dir, version, colour="red")


def config_that_does_not_fit(models_dir, version):
    edit_manifest(
        models_dir, version, config={"labels": ["a", "b"], "tokenizer": "no-such-file.json", "max_tokens": 16}
    )


def graph_outside_of_files(models_dir, version):
    edit_manifest(models_dir, version, graphs={"model": "other.onnx"})


def path_that_leaves_the_folder(models_dir, version):
    folder = models_dir / NAME / str(version)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    files["../1/model.onnx"] = files.pop("model.onnx")
    edit_manifest(models_dir, version, files=files, graphs={"model": "../1/model.onnx"})


def link_that_leaves_the_folder(models_dir, version):
    graph = models_dir / NAME / str(version) / "model.onnx"
    graph.unlink()
    graph.symlink_to(models_dir / NAME / "1" / "model.onnx")


def file_that_is_not_listed(models_dir, version):
    (models_dir / NAME / str(version) / "weights.bin").write_bytes(b"extra")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (broken_file, "model.onnx has 10 bytes"),
        (one_byte_changed, "tokenizer.json has sha256"),
        (missing_file, "model.onnx is missing"),
        (wrong_golden, "golden example 0 has another answer on this machine: output.0.score"),
        (golden_that_cannot_be_answered, "golden example 0 fails"),
        (half_a_manifest, "manifest.json: "),
        (another_name, "that of somebody-else"),
        (unknown_task, "task 'mind-reading' is not known"),
        (unknown_key, "colour"),
        (config_that_does_not_fit, "no-such-file.json"),
        (graph_outside_of_files, "other.onnx is named as a graph"),
        (path_that_leaves_the_folder, "is not a path inside"),
        (link_that_leaves_the_folder, "leads out of"),
        (file_that_is_not_listed, "weights.bin lies in the folder and is not listed"),
    ],
)
def test_a_version_that_fails_a_step_is_not_served_and_the_old_one_stays(
    new_engine, models_dir, tmp_path, damage, says
):
    async def main():
        engine = new_engine()
        await engine.load()
        publish_sentiment(models_dir, tmp_path / "2")
        damage(models_dir, 2)
        await engine.load(NAME)
        assert states(engine) == {1: "ready", 2: "failed"}
        assert says in reason(engine, 2)
        assert engine.status().is_ready
        assert (await predict(engine, "good")).version == 1
        with pytest.raises(ModelNotReady):
            engine.find(NAME, 2)
        await engine.stop()

    go(main())


def test_a_start_with_a_damaged_newest_version_serves_the_one_before(new_engine, models_dir, tmp_path):
    publish_sentiment(models_dir, tmp_path / "2")
    one_byte_changed(models_dir, 2)

    async def main():
        engine = new_engine()
        await engine.load()
        assert (await predict(engine, "good")).version == 1
        await engine.stop()

    go(main())


def test_a_model_without_a_version_that_works_is_not_ready_and_says_why(new_engine, models_dir):
    missing_file(models_dir, 1)

    async def main():
        engine = new_engine()
        await engine.load()
        status = engine.status()
        assert not status.is_ready
        assert NAME in status.reason
        with pytest.raises(ModelNotReady, match=r"model.onnx is missing"):
            engine.find(NAME)
        await engine.stop()

    go(main())


def test_a_version_that_has_been_repaired_is_loaded_at_the_next_try(new_engine, models_dir, tmp_path):
    async def main():
        engine = new_engine()
        await engine.load()
        publish_sentiment(models_dir, tmp_path / "2")
        graph = models_dir / NAME / "2" / "model.onnx"
        content = graph.read_bytes()
        missing_file(models_dir, 2)
        await engine.load(NAME)
        assert states(engine)[2] == "failed"
        graph.write_bytes(content)
        await engine.load(NAME)
        assert states(engine)[2] == "ready"
        await engine.stop()

    go(main())
