"""A summarizer that writes noise in its own words, with the graphs of the small translator."""

from pathlib import Path
from typing import Any

from generation_models import tokenizer
from tiny_translator import CONFIG, graphs, student

from app.repository.manifest import Batching, Golden, Manifest
from app.repository.publish import publish
from app.runtimes.onnx import signature_of_onnx

WRITER_OF_LINES = "tiny-lines"
LINES_CONFIG: dict[str, Any] = {name: CONFIG[name] for name in ("tokenizer", "context", "end_id")}


def publish_lines(root: Path, scratch: Path, golden: tuple[Golden, ...] = (), **config: Any) -> Manifest:
    scratch.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(scratch / "t.json"))
    signature = signature_of_onnx(graphs()["encoder"])
    return publish(
        root,
        WRITER_OF_LINES,
        {**{f"{graph}.onnx": path for graph, path in graphs().items()}, "tokenizer.json": scratch / "t.json"},
        task="summarization",
        description="Summarises in noise.",
        licence="CC0-1.0",
        runtime="onnx",
        graphs={graph: f"{graph}.onnx" for graph in graphs()},
        inputs=signature.inputs,
        outputs=signature.outputs,
        config={**LINES_CONFIG, "start_id": student().start_id, **config},
        golden=golden,
        batching=Batching(max_batch_size=4),
    )
