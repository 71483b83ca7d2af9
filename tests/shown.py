"""Small models for pages to show: one of no kind that they know, one whose words are hostile, and two in a row."""

from pathlib import Path
from typing import Any

import onnx
from conftest import publish_sentiment
from graphs import publish_features, publish_head
from onnx import TensorProto, helper

from app.repository.manifest import Golden
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.tensors import TensorSpec

TRIPLER, HOSTILE, PIPELINE = "tripler", "hostile-labels", "photo-quality"

# What a browser must only show, and never run.
MARKUP = '<img src=x onerror="document.title=\'run\'"><script>document.title="run"</script>'

# What it must only show, too, where pages make HTML of Markdown.
DESCRIPTION = (
    f"{MARKUP}\n\n# A heading\n\n"
    '</code></p><meta http-equiv="refresh" content="0; url=/pages/cat.jpg"><base href="http://elsewhere.test/">'
    "![picture](http://elsewhere.test/x.png) [words](http://elsewhere.test/words) <http://elsewhere.test/angles> "
    "http://elsewhere.test/bare www.elsewhere.test me@elsewhere.test `` ``` ~~~ <form action=/x><input></form>"
)


def publish_tripler(root: Path, scratch: Path) -> None:
    """A model of no kind that the page knows: y = x + x + x for twelve numbers."""
    graph = helper.make_graph(
        [helper.make_node("Sum", ["x", "x", "x"], ["y"])],
        "tripler",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 12])],
    )
    file = scratch / "tripler.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
    values = [float(i) for i in range(12)]
    fields: dict[str, Any] = {
        name: ({"name": tensor, "datatype": "FP32", "shape": (-1, 12)},)
        for name, tensor in (("inputs", "x"), ("outputs", "y"))
    }
    publish(
        root, TRIPLER, {"model.onnx": file},
        task="tensors", description="Thrice its input.", licence="CC0-1.0", runtime="onnx",
        graphs={"model": "model.onnx"}, config={**fields, "batched": True},
        golden=(Golden(input={"x": values}, output={"y": [3 * value for value in values]}),),
        **{name: tuple(TensorSpec(**each) for each in tensors) for name, tensors in fields.items()},
    )  # fmt: skip


def publish_hostile(root: Path, scratch: Path) -> None:
    golden = [{"label": MARKUP, "score": 0.880797}, {"label": "'; alert(1)//", "score": 0.119203}]
    publish_sentiment(
        root, scratch, HOSTILE,
        description=DESCRIPTION, limits=(MARKUP,), licence=MARKUP,
        config={"labels": [golden[1]["label"], MARKUP], "tokenizer": "tokenizer.json", "max_tokens": 16},
        golden=(Golden(input={"text": "what a good film"}, output=golden),),
    )  # fmt: skip


def publish_pipeline(root: Path, scratch: Path) -> None:
    publish_features(root, scratch)
    publish_head(root, scratch)
    steps = (
        Step(name="sees", model="photo-features", version=1, task="image-feature-extraction"),
        Step(name="says", model="head", version=1, task="tensors", inputs={"features": "sees"}),
    )
    publish(root, PIPELINE, {}, kind=PipelineManifest, steps=steps)
