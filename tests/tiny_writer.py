"""A model that writes text, of the tiny decoder, and the service around it."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from conftest import publish_sentiment, ready
from engines import far_engine
from generation_models import CONTEXT, END, SPECIAL, TEMPLATE, tokenizer, write_tiny_decoder
from starlette.testclient import TestClient

from app.api.app import create_app
from app.api.http.limits import Limits
from app.repository.manifest import Batching, Golden, Manifest
from app.repository.publish import publish
from app.runtimes.onnx import signature_of_onnx
from app.telemetry import Telemetry

WRITER, ALIAS = "tiny-writer", "Tiny/Writer-0.1M"


@cache
def graph(context: int = CONTEXT) -> Path:
    return write_tiny_decoder(Path(mkdtemp()) / "model.onnx", context=context)


def text_files(scratch: Path) -> dict[str, Path]:
    """The files of a writer besides its graph."""
    scratch.mkdir(parents=True, exist_ok=True)
    files = {"tokenizer.json": scratch / "t.json", "chat_template.jinja": scratch / "c.jinja"}
    tokenizer().save(str(files["tokenizer.json"]))
    files["chat_template.jinja"].write_text(TEMPLATE)
    return files


CONFIG: dict[str, Any] = {
    "tokenizer": "tokenizer.json",
    "chat_template": "chat_template.jinja",
    "context": CONTEXT,
    "eos_token_ids": [END],
    "eos_token": SPECIAL[END],
    "max_new_tokens": 24,
}


def publish_writer(
    root: Path, scratch: Path, name: str = WRITER, golden: tuple[Golden, ...] = (), **config: Any
) -> Manifest:
    written = graph(config.get("context", CONTEXT))
    signature = signature_of_onnx(written)
    return publish(
        root,
        name,
        {"model.onnx": written, **text_files(scratch)},
        task="text-generation",
        description="Writes noise.",
        licence="CC0-1.0",
        runtime="onnx",
        graphs={"model": "model.onnx"},
        inputs=signature.inputs,
        outputs=signature.outputs,
        config={**CONFIG, **config},
        golden=golden,
        batching=Batching(max_batch_size=4),
    )


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The service with a writer, and a model of another kind. It asks its engine through bytes, as if that were far."""
    models, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_writer(models, scratch / "writer", aliases=[ALIAS])
    publish_sentiment(models, scratch / "sentiment")
    with serving(models) as client:
        yield client


@contextmanager
def serving(models: Path, **options: Any) -> Iterator[TestClient]:
    telemetry = Telemetry()
    engine = far_engine(models, telemetry)
    limits = Limits(max_body_bytes=100_000, max_items=16, request_timeout_s=10)
    with ready(create_app(engine, telemetry, limits, **options)) as client:
        yield client
