"""Small models of the kinds that models/ has none of.

Their graphs add up rows of tables that a seed draws, one for each token, so they cost next to nothing: what is measured
is reading, tokenizing and writing.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.repository.publish import publish
from app.tensors import TensorSpec

ENTITIES, MASKS, ANSWERS, ZERO_SHOT, TABLE = (
    "small-entities",
    "small-masks",
    "small-answers",
    "small-nli",
    "small-table",
)
MAX_TOKENS = 256
WIDTH = 8
COLUMNS = 200
LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
CATEGORIES = [f"category {number}" for number in range(500)]


def publish_kinds(models: Path, scratch: Path) -> None:
    """Publish under `models` a model for each; the tokens are those of models/reviews-sentiment."""
    tokenizer = max(Path("models/reviews-sentiment").glob("*/tokenizer.json"))
    vocabulary = max(json.loads(tokenizer.read_text())["model"]["vocab"].values()) + 1
    texts: dict[str, Any] = {"tokenizer": "tokenizer.json", "max_tokens": MAX_TOKENS}
    every: Sequence[tuple[str, str, int, bool, Mapping[str, Any]]] = (
        (ENTITIES, "token-classification", len(LABELS), False, {"labels": LABELS}),
        (ANSWERS, "question-answering", 2, False, {}),
        (ZERO_SHOT, "zero-shot-classification", 3, True, {"entailment": 0, "contradiction": 2}),
        (MASKS, "fill-mask", vocabulary, True, {"mask_token": "[MASK]"}),
    )
    for name, task, width, is_summed, config in every:
        inputs = ["input_ids", "attention_mask", *(["is_asked"] if task == "fill-mask" else [])]
        shape = (-1, width) if is_summed else (-1, -1, width)
        publish(
            models,
            name,
            {"model.onnx": _graph(scratch / f"{name}.onnx", inputs, vocabulary, width, is_summed=is_summed),
             "tokenizer.json": tokenizer},
            task=task,
            runtime="onnx",
            graphs={"model": "model.onnx"},
            inputs=tuple(TensorSpec(name=one, datatype="INT64", shape=(-1, -1)) for one in inputs),
            outputs=(TensorSpec(name="logits", datatype="FP32", shape=shape),),
            config={**texts, **config},
        )  # fmt: skip
    _publish_table(models, scratch)


def _graph(path: Path, inputs: Sequence[str], vocabulary: int, width: int, *, is_summed: bool) -> Path:
    """Logits of each token or, summed up over those that the last input marks, of each row."""
    draw = np.random.default_rng(0)
    weights = {
        "table": draw.standard_normal((vocabulary, WIDTH), np.float32),
        "head": draw.standard_normal((WIDTH, width), np.float32),
        "last": np.array([-1]),
        "tokens": np.array([1]),
    }
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["states"])]
    if is_summed:
        nodes += [
            helper.make_node("Cast", [inputs[-1]], ["marks"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["marks", "last"], ["marked"]),
            helper.make_node("Mul", ["states", "marked"], ["kept"]),
            helper.make_node("ReduceSum", ["kept", "tokens"], ["sum"], keepdims=0),
        ]
    nodes.append(helper.make_node("MatMul", ["sum" if is_summed else "states", "head"], ["logits"]))
    shape: list[int | str] = ["batch", width] if is_summed else ["batch", "tokens", width]
    return _save(
        path, nodes, [(one, TensorProto.INT64, ["batch", "tokens"]) for one in inputs], shape, weights, "logits"
    )


def _publish_table(models: Path, scratch: Path) -> None:
    """Two classes of COLUMNS numbers and one of CATEGORIES."""
    nodes = [
        helper.make_node("MatMul", ["numbers", "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"]),
    ]
    inputs: list[tuple[str, int, list[int | str]]] = [
        ("numbers", TensorProto.FLOAT, ["batch", COLUMNS]),
        ("categories", TensorProto.STRING, ["batch", 1]),
    ]
    weights = {"weights": np.random.default_rng(0).standard_normal((COLUMNS, 2), np.float32) / COLUMNS}
    columns: list[dict[str, Any]] = [{"name": f"n{i}", "kind": "number", "typical": 0.0} for i in range(COLUMNS)]
    columns.append({"name": "kind", "kind": "category", "categories": CATEGORIES, "typical": CATEGORIES[0]})
    publish(
        models,
        TABLE,
        {"model.onnx": _save(scratch / "table.onnx", nodes, inputs, ["batch", 2], weights, "probabilities")},
        task="tabular-classification",
        runtime="onnx",
        graphs={"model": "model.onnx"},
        inputs=(
            TensorSpec(name="numbers", datatype="FP32", shape=(-1, COLUMNS)),
            TensorSpec(name="categories", datatype="BYTES", shape=(-1, 1)),
        ),
        outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, 2)),),
        config={"target": "left", "labels": ["no", "yes"], "columns": columns},
    )


def _save(
    path: Path,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[tuple[str, int, Sequence[int | str]]],
    shape: Sequence[int | str],
    weights: Mapping[str, Any],
    output: str,
) -> Path:
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path
