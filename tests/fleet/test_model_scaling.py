from pathlib import Path

import pytest

from app.fleet.scaling import ModelScaling, read_scaling


def written(folder: Path, text: str) -> Path:
    file = folder / "scaling.json"
    file.write_text(text)
    return file


def test_without_a_file_every_model_has_the_default():
    assert read_scaling(None).of("any") == ModelScaling()


def test_a_model_has_of_the_default_all_that_it_does_not_say_itself(tmp_path):
    file = written(
        tmp_path, '{"default": {"cpus": 4, "gpus": 0.5}, "models": {"large": {"gpus": 1, "min_replicas": 2}}}'
    )
    plan = read_scaling(file)
    assert plan.of("large") == ModelScaling(cpus=4, gpus=1, min_replicas=2)
    assert plan.of("other") == ModelScaling(cpus=4, gpus=0.5)


@pytest.mark.parametrize(("cpus", "threads"), [(0, 1), (0.5, 1), (1, 1), (3.5, 3)])
def test_a_replica_has_a_thread_for_each_whole_processor_and_at_least_one(cpus, threads):
    assert ModelScaling(cpus=cpus).threads == threads


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", r"scaling\.json is no JSON: "),
        ("[]", r"scaling\.json: Input should be "),
        ('{"models": {"a": {"replicas": 2}}}', r"scaling\.json: models\.a\.replicas: Extra inputs are not permitted"),
        ('{"models": {"a": 2}}', r"scaling\.json: models\.a: Input should be "),
        ('{"default": {"cpus": 1}, "models": {"a": 2}}', r"scaling\.json: models\.a: Input should be "),
        ('{"default": {"min_replicas": 0}}', r"default\.min_replicas: Input should be greater than or equal to 1"),
        ('{"default": {"min_replicas": 5}}', r"default: max_replicas 4 is less than min_replicas 5"),
        ('{"default": {"gpus": 1.5}}', r"default: gpus 1\.5: a share of one GPU, or a whole number of them"),
    ],
)
def test_a_file_that_cannot_be_used_says_what_is_wrong_and_where(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_scaling(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(OSError, match=r"missing\.json"):
        read_scaling(tmp_path / "missing.json")
