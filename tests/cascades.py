"""A small and a large model for the same texts, of which the large one says the contrary; and a cascade of both."""

from pathlib import Path
from typing import Any

from conftest import publish_sentiment, word_counting_graph

from app.repository.cascade import CascadeManifest, CascadeStep
from app.repository.manifest import Manifest
from app.repository.publish import publish
from app.repository.repository import ModelRepository

SURE, UNSURE = "good good good", "good film"
"""Texts of which the small model says "positive", with a probability of 0.9975 and of 0.8808."""
SMALL = CascadeStep(name="small", model="mood-small", version=1, enough=0.95)
LARGE = CascadeStep(name="large", model="mood-large", version=1)


def publish_mood(root: Path, scratch: Path, name: str, scale: float = 1.0, **fields: Any) -> Manifest:
    """A text classifier that counts words, and is the surer of them the larger `scale` is."""
    scratch = scratch / f"{name} {scale}"
    scratch.mkdir(parents=True, exist_ok=True)
    graph = {"scaled.onnx": word_counting_graph(scratch / "scaled.onnx", scale)}
    fields = {"golden": (), "graphs": {"model": "scaled.onnx"}, **fields}
    return publish_sentiment(root, scratch, name, graph, **fields)


def publish_models(root: Path, scratch: Path) -> None:
    publish_mood(root, scratch, "mood-small")
    publish_mood(root, scratch, "mood-large", -2.0)


def publish_cascade(root: Path, *steps: CascadeStep, name: str = "mood", **fields: Any) -> Manifest:
    steps = steps or (SMALL, LARGE)
    last = ModelRepository(root).read("mood-large", 1)
    of_the_last = {"task": last.task, "config": last.config, "inputs": last.inputs, "outputs": last.outputs}
    return publish(root, name, {}, kind=CascadeManifest, steps=steps, **{**of_the_last, **fields})
