"""Where a graph that is written keeps its constants."""

from pathlib import Path

import numpy as np
import pytest
from small_decoder import small_decoder

from app.runtimes.onnx_weights import weights_beside
from training.graphs import writer
from training.graphs.decoder import write_decoder
from training.graphs.products import BlockProducts, DecoderProducts, Fp32DecoderProducts, RowInt8Products
from training.measures.decoding import Decoding
from training.measures.speed import megabytes
from training.networks.decoder import plain


@pytest.mark.parametrize("products", [Fp32DecoderProducts(), RowInt8Products(), BlockProducts(8), BlockProducts(4)])
def test_weights_beside_a_graph_are_those_inside(
    products: DecoderProducts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = small_decoder("qwen2")
    inside = write_decoder(plain(decoder), tmp_path / "inside.onnx", products, 64)
    monkeypatch.setattr(writer, "MOST_INSIDE", 10_000)

    beside = write_decoder(plain(decoder), tmp_path / "beside.onnx", products, 64)

    assert not weights_beside(inside)
    assert weights_beside(beside) == {"beside.onnx.data": tmp_path / "beside.onnx.data"}
    assert beside.stat().st_size < inside.stat().st_size / 4
    assert megabytes(beside) >= megabytes(inside)
    read = [Decoding(graph, rows=1, capacity=64).read([7, 30, 255, 4]) for graph in (inside, beside)]
    np.testing.assert_array_equal(*read)
