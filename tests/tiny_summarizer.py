"""A summarizer that can let another model write, made in no time."""

from pathlib import Path
from typing import Any

import numpy as np
from graphs import save
from onnx import helper
from tokenizers import Tokenizer, models, pre_tokenizers

from app.repository.manifest import Manifest
from app.repository.publish import publish
from app.tensors import TensorSpec

NAME = "tiny-summarizer"
TEXT = "The ferry is in the port. The pier was hit by the sea."
WORDS = sorted({*TEXT.replace(".", " .").split()})


def publish_summarizer(root: Path, scratch: Path, **config: Any) -> Manifest:
    """The embedding of a sentence is a mean of random vectors of its words, of length one."""
    scratch.mkdir(parents=True, exist_ok=True)
    table = np.random.default_rng(0).normal(size=(len(WORDS) + 2, 8)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["by_token"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=1),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask_3d"]),
        helper.make_node("Mul", ["by_token", "mask_3d"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "tokens"], ["sum"], keepdims=0),
        helper.make_node("LpNormalization", ["sum"], ["embedding"], axis=-1, p=2),
    ]
    ids = [("input_ids", "INT64", ["batch", "tokens"]), ("attention_mask", "INT64", ["batch", "tokens"])]
    graph = save(
        scratch / "s.onnx", nodes, ids, [("embedding", "FP32", ["batch", 8])],
        table=table, last=np.array([-1], np.int64), tokens=np.array([1], np.int64),
    )  # fmt: skip
    tokenizer = Tokenizer(
        models.WordLevel({word: i for i, word in enumerate(["[PAD]", "[UNK]", *WORDS])}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(scratch / "st.json"))
    specs = tuple(TensorSpec(name=each, datatype="INT64", shape=(-1, -1)) for each, *_ in ids)
    return publish(
        root, NAME, {"model.onnx": graph, "tokenizer.json": scratch / "st.json"},
        task="summarization", description="Chooses at random.", licence="CC0-1.0", runtime="onnx",
        graphs={"model": "model.onnx"}, inputs=specs,
        outputs=(TensorSpec(name="embedding", datatype="FP32", shape=(-1, 8)),),
        config={"tokenizer": "tokenizer.json", "max_tokens": 16, **config},
    )  # fmt: skip
