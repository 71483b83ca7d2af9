import pytest
from conftest import publish_sentiment

from app.repository.manifest import Variant
from app.runtimes.options import RuntimeOptions
from app.serving.plan import Plan, graph_hashes, hardware_of, plan_file, read_plan, write_plan

HERE = {"processor": "one", "cores": "2"}


@pytest.fixture
def manifest(tmp_path):
    return publish_sentiment(tmp_path / "models", tmp_path / "scratch")


@pytest.fixture
def folder(tmp_path, manifest):
    return tmp_path / "models" / manifest.name


def plan_of(manifest, **fields):
    defaults = {"hardware": HERE, "graphs": graph_hashes(manifest), "threads": 1, "instances": 2}
    return Plan(**{**defaults, "points": [(1, 8, 0.5), (2, 8, 0.75)], **fields})


def test_a_plan_is_found_again_on_the_same_hardware_only(manifest, folder):
    written = plan_of(manifest)
    write_plan(folder, manifest, written)
    found = read_plan(folder, manifest, HERE)
    assert found == written
    assert found.curve.seconds(2, 8) == 0.75
    assert read_plan(folder, manifest, {**HERE, "cores": "4"}) is None


def test_a_plan_of_other_graphs_is_not_used(manifest, folder):
    write_plan(folder, manifest, plan_of(manifest, graphs={"model.onnx": "0" * 64}))
    assert read_plan(folder, manifest, HERE) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"threads": 0}', b"\xff"])
def test_a_damaged_plan_is_reported_and_not_used(manifest, folder, caplog, content):
    path = write_plan(folder, manifest, plan_of(manifest))
    path.write_bytes(content)
    assert read_plan(folder, manifest, HERE) is None
    assert "the stored plan is not used" in caplog.text


def test_writing_leaves_one_file_and_nothing_half_written(manifest, folder):
    for instances in (1, 2):
        write_plan(folder, manifest, plan_of(manifest, instances=instances))
    path = plan_file(folder, manifest, HERE)
    assert list(path.parent.iterdir()) == [path]
    assert read_plan(folder, manifest, HERE).instances == 2


def test_a_plan_holds_wherever_what_runs_the_graphs_is_the_same(manifest):
    here = hardware_of(manifest, RuntimeOptions(device="cpu", threads=2))
    assert here["onnxruntime"]
    assert "torch" not in here
    traced = Variant(runtime="pytorch", precision="fp32", graphs={"model": "model.pt2"})
    assert "torch" in hardware_of(manifest.model_copy(update={"variants": {"traced": traced}}), RuntimeOptions())
