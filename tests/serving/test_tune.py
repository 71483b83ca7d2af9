import pytest
from conftest import publish_sentiment, word_counting_graph, word_tokenizer

from app.errors import InvalidArtifact
from app.repository.manifest import Variant
from app.repository.publish import publish
from app.repository.repository import ModelRepository
from app.runtimes.hardware import hardware
from app.runtimes.options import RuntimeOptions
from app.serving.curve import LatencyCurve
from app.serving.loading import load
from app.serving.plan import graph_hashes
from app.serving.step_cost import StepCost
from app.serving.tune import TuningTrial, choose, splits, tokens_per_s, tune

ON_TWO_CORES = RuntimeOptions(device="cpu", threads=2)


def trial(rows_per_s, alone_s, name):
    return TuningTrial(name, 1, 1, LatencyCurve({(1, 1): 1.0}), rows_per_s, alone_s)


@pytest.mark.parametrize(("cores", "threads"), [(1, [1]), (2, [1, 2]), (6, [1, 2, 4, 6]), (8, [1, 2, 4, 8])])
def test_cores_are_split_in_powers_of_two_and_not_at_all(cores, threads):
    assert list(splits(cores)) == threads


def test_most_rows_win_unless_a_lone_caller_would_wait_much_longer():
    slow, quick, both = trial(300, 0.9, "slow"), trial(100, 0.5, "quick"), trial(200, 0.7, "both")
    assert choose([slow, quick, both]).variant == "both"
    assert choose([slow, quick]).variant == "quick"
    assert choose([slow]).variant == "slow"


@pytest.fixture
def repository(tmp_path):
    """A model with a variant that gives the same answers, and one that does not."""
    root, scratch = tmp_path / "models", tmp_path / "scratch"
    plain = publish_sentiment(root, scratch)
    files = {
        "model.onnx": word_counting_graph(scratch / "a.onnx"),
        "same.onnx": word_counting_graph(scratch / "b.onnx", scale=1.00001),
        "wrong.onnx": word_counting_graph(scratch / "c.onnx", scale=3.0),
        "tokenizer.json": word_tokenizer(scratch / "t.json"),
    }
    variants = {
        "same": Variant(runtime="onnx", precision="int8", graphs={"model": "same.onnx"}),
        "wrong": Variant(runtime="onnx", precision="int8", graphs={"model": "wrong.onnx"}),
    }
    kept = {
        name: getattr(plain, name) for name in ("task", "runtime", "graphs", "inputs", "outputs", "config", "golden")
    }
    publish(root, plain.name, files, variants=variants, **kept)
    return ModelRepository(root)


def test_every_variant_that_gives_the_known_answers_is_tried_on_every_split(repository):
    manifest = repository.read("tiny-sentiment", 2)
    trials, complaints = [], []
    plan = tune(
        manifest, lambda: repository.verify(manifest), ON_TWO_CORES,
        seconds=0.1, report=trials.append, complain=complaints.append,
    )  # fmt: skip
    tried = [(one.variant, one.threads, one.num_lanes) for one in trials]
    assert tried == [(None, 1, 2), (None, 2, 1), ("same", 1, 2), ("same", 2, 1)]
    assert len(complaints) == 1
    assert complaints[0].startswith("wrong: golden example 0 has another answer")
    assert (plan.variant, plan.threads, plan.instances) in tried
    assert plan.hardware == hardware("cpu", 2)
    assert plan.graphs.keys() == {"model.onnx", "same.onnx", "wrong.onnx"}
    assert plan.curve.points


def test_a_plan_decides_variant_threads_and_instances_of_what_is_loaded(repository):
    manifest = repository.read("tiny-sentiment", 2)
    plan = tune(manifest, lambda: repository.verify(manifest), ON_TWO_CORES, seconds=0.05)
    chosen = plan.model_copy(update={"variant": "same", "threads": 2, "instances": 1})
    loaded = load(manifest, lambda: repository.verify(manifest), ON_TWO_CORES, chosen)
    assert loaded.manifest.graphs == {"model": "same.onnx"}
    assert loaded.manifest.precision == "int8"
    assert (loaded.options.threads, loaded.num_lanes, loaded.is_tuned) == (2, 1, True)
    assert loaded.curve.points == plan.curve.points
    assert graph_hashes(manifest) == plan.graphs


def test_without_a_plan_every_core_works_at_a_batch_of_its_own(repository):
    manifest = repository.read("tiny-sentiment", 2)
    loaded = load(manifest, lambda: repository.verify(manifest), ON_TWO_CORES)
    assert loaded.manifest.graphs == {"model": "model.onnx"}
    assert (loaded.options.threads, loaded.num_lanes, loaded.is_tuned) == (1, 2, False)


def test_a_version_that_cannot_run_here_is_not_planned_for(repository, tmp_path):
    manifest = repository.read("tiny-sentiment", 2)
    (tmp_path / "models" / "tiny-sentiment" / "2" / "same.onnx").write_bytes(b"")
    with pytest.raises(InvalidArtifact, match=r"same\.onnx has 0 bytes"):
        tune(manifest, lambda: repository.verify(manifest), ON_TWO_CORES, seconds=0.05)


def test_of_ways_to_write_text_the_one_wins_that_reads_and_writes_most():
    writes_faster = StepCost(base_s=0.01, row_s=0.003, token_s=1e-6, read_s=0.004, past_s=1e-7)
    reads_faster = StepCost(base_s=0.01, row_s=0.0033, token_s=1e-6, read_s=0.003, past_s=1e-7)
    assert tokens_per_s(reads_faster, 8) > tokens_per_s(writes_faster, 8)
    # 256 tokens read in .01 + 1.024 s, and 128 steps of .034 s and .0032 s of known tokens shared by eight rows
    assert tokens_per_s(writes_faster, 8) == pytest.approx(128 / (1.034 + 128 * (0.034 + 0.00256) / 8), rel=0.01)
