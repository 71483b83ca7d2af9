from datetime import UTC, datetime

import pytest
from conftest import publish_sentiment

from app.repository.manifest import Variant
from app.runtimes.options import RuntimeOptions
from app.serving.plan import Plan, Tuning, graph_hashes, hardware_of, plan_file, read_plan, write_plan

NOW = datetime.now(UTC)
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


def doubts(plan, slower=1.0, alone_s=0.005):
    return Tuning(plan, 1, 2, plan and plan.measured, alone_s, slower).doubts()


def test_a_plan_that_was_measured_in_peace_and_holds_is_not_doubted(manifest):
    assert doubts(plan_of(manifest, measured=NOW, spread=0.05, others=0.02)) == []


@pytest.mark.parametrize(
    ("fields", "slower", "because"),
    [
        pytest.param({"spread": 0.05, "others": 0.43}, 1.0, "other processes used 43% of the processors", id="busy"),
        pytest.param({"spread": 0.4, "others": 0.0}, 1.0, "the same batch took 40% longer", id="unsteady"),
        pytest.param({"spread": 0.05, "others": 0.0}, 2.1, "batches take 2.1 times as long of late", id="slower now"),
        pytest.param({"spread": 0.05, "others": 0.0}, 0.5, "batches take 0.5 times as long of late", id="faster now"),
        pytest.param({}, 1.0, "nothing is known of what else the machine did", id="of before"),
    ],
)
def test_a_plan_is_doubted_with_a_reason(manifest, fields, slower, because):
    (doubt,) = doubts(plan_of(manifest, measured=NOW, **fields), slower)
    assert doubt.startswith(because)


def test_without_a_plan_there_is_doubt_and_none_about_graphs_that_take_no_time(manifest):
    assert ["half a second" in doubt for doubt in doubts(None)] == [True]
    assert doubts(plan_of(manifest, measured=NOW, spread=0.0, others=0.0), slower=4.0, alone_s=0.0001) == []
