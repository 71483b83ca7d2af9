"""Cascades while they come alive, and while their steps come and go."""

import re
from pathlib import Path

import pytest
from cascades import LARGE, SMALL, SURE, UNSURE, publish_cascade, publish_mood
from graphs import publish_brightness
from test_cascade import TASK, ask, root, with_engine

from app.errors import ModelNotReady
from app.repository.manifest import Golden
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.serving.local import LocalEngine

__all__ = ["root"]


def test_a_cascade_that_could_not_answer_does_not_come_alive(root: Path, tmp_path: Path) -> None:
    publish_brightness(root, tmp_path)
    config = {"tokenizer": "tokenizer.json", "max_tokens": 16, "labels": ["negative", "positive"]}
    publish_mood(root, tmp_path, "swapped", config=config | {"labels": ["positive", "negative"]})
    publish_mood(root, tmp_path, "sigmoid", config=config | {"function_to_apply": "sigmoid"})
    words = Step(name="words", model="mood-small", version=1, task=TASK)
    says_it = Step(name="says", model="mood-small", version=1, task=TASK, inputs={"text": "words.0.label"})
    publish(root, "twice", {}, kind=PipelineManifest, steps=(words, says_it))
    told = {
        "late": "step large: .* version 9",
        "nobody": "step small: .*nobody",
        "brightness": "step small: brightness is a model for image-classification, not for text-",
        "swapped": "step small: swapped has not the classes of mood-large in the same order",
        "sigmoid": "step small: sigmoid gives scores that are no probabilities",
        "large-sigmoid": "step large: sigmoid gives scores that are no probabilities",
        "twice": "step small: twice is a pipeline, and a step has",
        "tensors": "an answer of tensors does not tell how sure",
        "flying": "there is no task 'flying'",
        "otherwise": "golden example 0 has another answer",
        "not-taken": "golden example 0 fails",
    }
    publish_cascade(root, SMALL, LARGE.model_copy(update={"version": 9}), name="in-late")
    for name in ("nobody", "brightness", "swapped", "sigmoid", "twice"):
        publish_cascade(root, SMALL.model_copy(update={"model": name}), LARGE, name=f"in-{name}")
    publish_cascade(root, SMALL, LARGE.model_copy(update={"model": "sigmoid"}), name="in-large-sigmoid")
    for task in ("tensors", "flying"):
        publish_cascade(root, name=f"in-{task}", task=task)
    contrary = Golden(input={"text": SURE}, output=[{"label": "negative", "score": 1}])
    publish_cascade(root, name="in-otherwise", golden=(contrary,))
    publish_cascade(root, name="in-not-taken", golden=(Golden(input={"text": 1}, output=[1]),))

    async def main(engine: LocalEngine) -> None:
        for name, words in told.items():
            (version,) = engine.status(f"in-{name}").models[0].versions
            assert re.search(words, version.reason), version.reason
            assert version.state == "failed"

    with_engine(root, main)


def test_a_pipeline_has_no_step_that_is_a_cascade(root: Path) -> None:
    publish_cascade(root)
    mood = Step(name="mood", model="mood", version=1, task=TASK)
    says = Step(name="says", model="mood-small", version=1, task=TASK, inputs={"text": "mood.0.label"})
    publish(root, "twice", {}, kind=PipelineManifest, steps=(mood, says))

    async def main(engine: LocalEngine) -> None:
        (version,) = engine.status("twice").models[0].versions
        assert version.reason == "step mood: mood is a cascade, and a step has graphs of its own"

    with_engine(root, main)


def test_its_golden_example_may_be_asked_with_parameters(root: Path) -> None:
    golden = Golden(
        input={"text": SURE}, parameters={"function_to_apply": "none", "top_k": 1},
        output=[{"label": "negative", "score": 0.0}],
    )  # fmt: skip
    publish_cascade(root, golden=(golden,))

    async def main(engine: LocalEngine) -> None:
        (version,) = engine.status("mood").models[0].versions
        assert version.reason == ""

    with_engine(root, main)


def test_its_versions_are_pinned_and_it_says_which_step_is_not_ready(root: Path, tmp_path: Path) -> None:
    publish_mood(root, tmp_path, "mood-small")
    publish_cascade(root)

    async def main(engine: LocalEngine) -> None:
        (small,) = engine.status("mood-small").models
        assert [(one.version, one.state) for one in small.versions] == [(2, "ready"), (1, "ready")]
        await engine.unload("mood-small")
        assert not engine.status("mood").models[0].is_ready
        with pytest.raises(ModelNotReady, match=r"step small: .*unloaded"):
            await ask(engine, SURE)
        await engine.load("mood-small")
        assert (await ask(engine, SURE)).answered_by == ("small",)
        await engine.unload("mood-large")
        with pytest.raises(ModelNotReady, match=r"step large: .*unloaded"):
            await ask(engine, SURE, UNSURE)
        await engine.load("mood-large")
        await engine.unload("mood")
        (small,) = engine.status("mood-small").models
        assert [(one.version, one.state) for one in small.versions] == [(2, "ready"), (1, "unloaded")]

    with_engine(root, main, keep_versions=1)


@pytest.mark.parametrize("name", ["mood-small", "mood-large"])
def test_a_step_that_is_replaced_by_one_with_other_classes_is_not_asked(root: Path, tmp_path: Path, name: str) -> None:
    publish_cascade(root)
    config = {"labels": ["bad", "good"], "tokenizer": "tokenizer.json", "max_tokens": 16}
    publish_mood(tmp_path / "others", tmp_path, name, config=config)
    step = name.removeprefix("mood-")

    async def main(engine: LocalEngine) -> None:
        (root / name / "1").rename(tmp_path / "away")
        (tmp_path / "others" / name / "1").rename(root / name / "1")
        await engine.load(name)
        assert not engine.status("mood").models[0].is_ready
        with pytest.raises(ModelNotReady, match=f"step {step}: version 1 of {name} was replaced by one that has not"):
            await ask(engine, UNSURE)

    with_engine(root, main)
