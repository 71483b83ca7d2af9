"""A tiny classifier of texts with a reference, measured as training does it."""

from pathlib import Path
from random import Random
from typing import Any

from conftest import publish_sentiment

from app.repository.reference import Reference
from app.repository.repository import ModelRepository
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from training.measures.reference import distributions
from training.recipe import HeldOut

WORDS = ("good", "bad", "film", "a", "what", "strange")


def texts(number: int, seed: int = 0, words: tuple[str, ...] = WORDS) -> list[dict[str, Any]]:
    """Texts of one to twelve words by chance."""
    chance = Random(seed)
    return [{"text": " ".join(chance.choices(words, k=chance.randint(1, 12)))} for _ in range(number)]


def measured(root: Path, name: str, items: list[Any]) -> Reference | None:
    """The reference of a published model by items."""
    repository = ModelRepository(root)
    manifest = repository.read(name, max(repository.versions(name)))
    files, kind = repository.verify(manifest), task_of(manifest.task, manifest.config)
    view = kind.own(kind.open(manifest.config, files))
    sessions = {"model": load_onnx(files["model.onnx"], RuntimeOptions(device="cpu"))}
    return distributions(view, sessions, HeldOut(items, "texts by chance", f"test, {len(items)} texts"))


def publish_with_reference(root: Path, scratch: Path) -> Reference:
    """Publish version 1 without a reference, and version 2 with one."""
    publish_sentiment(root, scratch)
    reference = measured(root, "tiny-sentiment", texts(500))
    assert reference is not None
    publish_sentiment(root, scratch, reference=reference)
    return reference
