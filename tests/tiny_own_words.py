"""A summarizer that writes noise in its own words, with the graphs of the small translator."""

from pathlib import Path
from typing import Any

from generation_models import tokenizer
from published_sequences import publish_sequences
from tiny_translator import CONFIG, graphs, student

from app.repository.manifest import Golden, Manifest

WRITER_OF_LINES = "tiny-lines"
LINES_CONFIG: dict[str, Any] = {name: CONFIG[name] for name in ("tokenizer", "context", "end_id")}


def publish_lines(root: Path, scratch: Path, golden: tuple[Golden, ...] = (), **config: Any) -> Manifest:
    return publish_sequences(
        root, scratch, WRITER_OF_LINES, graphs(), tokenizer(),
        {**LINES_CONFIG, "start_id": student().start_id, **config},
        task="summarization", description="Summarises in noise.", golden=golden,
    )  # fmt: skip
