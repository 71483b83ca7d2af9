"""Graphs of one decoder that may become variants: the same weights in fewer bits."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from training.errors import progress
from training.graphs.decoder import write_decoder
from training.graphs.products import (
    BlockProducts,
    DecoderProducts,
    DigitProducts,
    Fp32DecoderProducts,
    MixedProducts,
    RowInt8Products,
)
from training.graphs.smoothing import smoothed
from training.networks.plain_decoder import PlainDecoder

MAIN = "fp32"
FEWER_BITS = ("int8", "mixed8", "digits8", "blocks8", "blocks4")


def write_candidates(
    decoder: PlainDecoder, folder: Path, positions: int, texts: Iterable[Sequence[int]]
) -> dict[str, Path]:
    """Write each of FEWER_BITS to `folder`; `texts`, as tokens, show which channels are large.

    A decoder without gates has no `mixed8`.
    """
    alike = smoothed(decoder, texts)
    # A block of weights that GGUF has in 16 steps keeps them only if its channels stay as they are.
    candidates: dict[str, tuple[PlainDecoder, DecoderProducts]] = {
        "int8": (alike, RowInt8Products()),
        "mixed8": (alike, MixedProducts()),
        "digits8": (alike, DigitProducts()),
        "blocks8": (alike, BlockProducts(8)),
        "blocks4": (decoder, BlockProducts(4)),
    }
    if not decoder.sizes.family.gates:
        del candidates["mixed8"]  # which would be blocks8
    paths = {}
    for name in candidates:
        progress(f"writing the {name} graph")
        network, products = candidates[name]
        paths[name] = write_decoder(network, folder / f"model.{name}.onnx", products, positions)
    return paths


def write_fp32(decoder: PlainDecoder, folder: Path, positions: int) -> Path:
    return write_decoder(decoder, folder / "model.onnx", Fp32DecoderProducts(), positions)
