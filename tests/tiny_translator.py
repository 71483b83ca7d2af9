"""A translator with weights from nowhere, whose answers depend on every token of a sentence."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from generation_models import tokenizer

from app.repository.manifest import Batching, Golden, Manifest
from app.repository.publish import publish
from app.runtimes.onnx import OnnxSession, load_onnx, signature_of_onnx
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
    scratch.mkdir(parents=True, exist_ok=True)
    tokenizer().save(str(scratch / "t.json"))
    signature = signature_of_onnx(graphs()["encoder"])
    files = {f"{graph}.onnx": path for graph, path in graphs().items()}
    return publish(
        root,
        name,
        {**files, "tokenizer.json": scratch / "t.json"},
        task="translation",
        description="Translates into noise.",
        licence="CC0-1.0",
        runtime="onnx",
        graphs={graph: f"{graph}.onnx" for graph in graphs()},
        inputs=signature.inputs,
        outputs=signature.outputs,
        config={**CONFIG, "start_id": student().start_id, **config},
        golden=golden,
        batching=Batching(max_batch_size=most_rows),
    )
