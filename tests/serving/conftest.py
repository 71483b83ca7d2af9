"""A tiny decoder, for whatever steps through answers."""

from collections.abc import Callable

import pytest
from generation_models import CONTEXT, write_tiny_decoder

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import Decoder


@pytest.fixture(scope="session")
def new_decoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Decoder]:
    """Makes tiny decoders with so many slots."""
    graph = write_tiny_decoder(tmp_path_factory.mktemp("decoder") / "model.onnx")
    session = load_onnx(graph, RuntimeOptions(device="cpu", threads=1))
    return lambda slots: session.decoder(slots, CONTEXT)
