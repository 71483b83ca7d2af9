"""A translator with weights from nowhere, whose answers depend on every token of a sentence."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from generation_models import tokenizer
from published_sequences import publish_sequences

from app.repository.manifest import Golden, Manifest
from app.runtimes.onnx import OnnxSession, load_onnx
from app.runtimes.options import RuntimeOptions
from training.graphs.products import Fp32DecoderProducts
from training.graphs.sequence import write_decoder_step, write_encoder
from training.networks.marian_student import MarianStudent, Sizes

TRANSLATOR, CONTEXT, END = "tiny-translator", 48, 0
CONFIG: dict[str, Any] = {
    "tokenizer": "tokenizer.json",
    "source_lang": "en",
    "target_lang": "pt",
    "context": CONTEXT,
    "end_id": END,
}


@cache
def student() -> MarianStudent:
    torch.manual_seed(0)
    sizes = Sizes(tokenizer().get_vocab_size(), width=16, hidden=24, encoder_layers=2, decoder_layers=2)
    made = MarianStudent(sizes, heads=2).requires_grad_(False).eval()
    for name, weight in made.named_parameters():
        torch.nn.init.normal_(weight, mean=float("norm.weight" in name), std=0.5 if weight.ndim > 1 else 0.1)
    return made


@cache
def graphs() -> dict[str, Path]:
    folder = Path(mkdtemp())
    return {
        "encoder": write_encoder(student(), folder / "encoder.onnx", Fp32DecoderProducts()),
        "decoder": write_decoder_step(student(), folder / "decoder.onnx", Fp32DecoderProducts()),
    }


def sessions() -> dict[str, OnnxSession]:
    return {name: load_onnx(path, RuntimeOptions(device="cpu", threads=1)) for name, path in graphs().items()}


def publish_translator(
    root: Path,
    scratch: Path,
    name: str = TRANSLATOR,
    golden: tuple[Golden, ...] = (),
    most_rows: int = 4,
    **config: Any,
) -> Manifest:
    return publish_sequences(
        root, scratch, name, graphs(), tokenizer(), {**CONFIG, "start_id": student().start_id, **config}, most_rows,
        task="translation", description="Translates into noise.", golden=golden,
    )  # fmt: skip
