"""Versions of an encoder, a decoder and a tokenizer, published for tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from app.repository.manifest import Batching, Manifest
from app.repository.publish import publish
from app.runtimes.onnx import signature_of_onnx


def publish_sequences(
    root: Path, scratch: Path, name: str, graphs: Mapping[str, Path], tokenizer: Tokenizer,
    config: dict[str, Any], most_rows: int = 4, **stated: Any,
) -> Manifest:  # fmt: skip
    """`stated` is told in the manifest: task, description, golden examples."""
    scratch.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(scratch / "t.json"))
    signature = signature_of_onnx(graphs["encoder"])
    files = {f"{graph}.onnx": path for graph, path in graphs.items()}
    return publish(
        root, name, {**files, "tokenizer.json": scratch / "t.json"},
        licence="CC0-1.0", runtime="onnx", graphs={graph: f"{graph}.onnx" for graph in graphs},
        inputs=signature.inputs, outputs=signature.outputs, config=config,
        batching=Batching(max_batch_size=most_rows), **stated,
    )  # fmt: skip
