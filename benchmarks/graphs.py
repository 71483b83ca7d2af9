"""The graphs that are served and the items that are sent: the same for every server."""

import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Literal

from benchmarks.peers.graph import ImageGraph, TextGraph
from benchmarks.requests import Request

FOLDER = Path("build/bench")
MODELS = Path("models")
NUM_TEXTS = 600
SEED = 0
# Of 23 tokens.
SHORT_TEXT = "it 's a charming and often affecting journey through the eyes of a child that never quite loses its way"
PHOTO_SIZE = (335, 500)
BOUNDARY = "benchmark"

Kind = Literal["text", "image"]


@dataclass(frozen=True, slots=True)
class Graph:
    """One published model. Peers read the files of the version that our service serves."""

    model: str
    kind: Kind
    max_tokens: int = 0

    @property
    def repository(self) -> Path:
        return FOLDER / "repositories" / self.model

    @property
    def version(self) -> Path:
        folder = self.repository / self.model
        return max((path for path in folder.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name))

    @property
    def file(self) -> Path:
        return self.version / "model.onnx"

    @property
    def tokenizer(self) -> Path:
        return self.version / "tokenizer.json"


TEXT_FP32 = Graph("text-fp32", "text", max_tokens=128)
IMAGE_FP32 = Graph("image-fp32", "image")
TEXT_SERVED = Graph("reviews-sentiment", "text", max_tokens=256)
IMAGE_SERVED = Graph("imagenet-efficientnet", "image")
GRAPHS = (TEXT_FP32, IMAGE_FP32, TEXT_SERVED, IMAGE_SERVED)

# How a text travels to each server. Ours is asked to truncate, as the peers do.
DIALECTS: dict[str, Callable[[str], object]] = {
    "plain": lambda text: {"inputs": text},
    "listed": lambda text: {"inputs": [text]},
    "ours": lambda text: {"inputs": [text], "parameters": {"truncate": True}},
}


def bodies(load: str, dialect: str, path: str) -> Request:
    """The requests of `load`: short, mixed, raw or multipart."""
    folder = FOLDER / "bodies"
    if load == "raw":
        return Request(path, "image/jpeg", folder / "photo.jpg")
    if load == "multipart":
        return Request(path, f"multipart/form-data; boundary={BOUNDARY}", folder / "photo.multipart")
    return Request(path, "application/json", folder / f"{load}-{dialect}.jsonl", is_lines=True)


def texts() -> list[str]:
    found: list[str] = json.loads((FOLDER / "texts.json").read_text(encoding="utf-8"))
    return found


def photo() -> bytes:
    return (FOLDER / "bodies" / "photo.jpg").read_bytes()


def first_answer(graph: Graph) -> float:
    """The best score for the short text or the photo, of the graph asked directly."""
    if graph.kind == "image":
        answer = ImageGraph(str(graph.file)).answer(photo())
    else:
        answer = TextGraph(str(graph.file), str(graph.tokenizer), graph.max_tokens).answer(SHORT_TEXT)
    return max(float(label["score"]) for label in answer)


def prepare(say: Callable[[str], None]) -> None:
    """Make under build/bench whatever is not there yet. The first time needs about a minute."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for graph, publish in ((TEXT_FP32, _publish_text), (IMAGE_FP32, _publish_image)):
        if not graph.repository.is_dir():
            say(f"exporting {graph.model}")
            publish(graph)
    prepare_served(say)


def prepare_served(say: Callable[[str], None]) -> None:
    """Make the two models that we ship, and all requests."""
    (FOLDER / "bodies").mkdir(parents=True, exist_ok=True)
    for graph in (TEXT_SERVED, IMAGE_SERVED):
        shutil.rmtree(graph.repository, ignore_errors=True)  # it may have been trained anew
        shutil.copytree(MODELS / graph.model, graph.repository / graph.model)
    if not (FOLDER / "texts.json").is_file():
        say("choosing texts and a photo")
        _write_texts()
        _write_photo()


def _publish_text(graph: Graph) -> None:
    import torch
    from torch.export import Dim

    from app.repository.publish import publish
    from app.tasks.text_classification import TextClassification, TextClassificationConfig
    from app.tensors import TensorSpec
    from training.data.minilm import MAX_TOKENS, load_bert, tokenizer_file
    from training.graphs.export import to_onnx
    from training.networks.minilm import TextClassifier

    labels = ["negative", "neutral", "positive"]
    torch.manual_seed(SEED)
    network = TextClassifier(load_bert(), len(labels))
    ids = torch.randint(1000, 2000, (4, 20))
    varying = {0: Dim("batch", min=1, max=4096), 1: Dim("tokens", min=2, max=MAX_TOKENS)}
    names = ["input_ids", "attention_mask"]
    file = to_onnx(
        network,
        [ids, torch.ones_like(ids)],
        FOLDER / "text.onnx",
        input_names=names,
        output_names=["logits"],
        dynamic_shapes=[varying, varying],
    )
    config = TextClassificationConfig(labels=labels, tokenizer="tokenizer.json", max_tokens=graph.max_tokens)
    publish(
        graph.repository,
        graph.model,
        {"model.onnx": file, "tokenizer.json": tokenizer_file()},
        task=TextClassification.contract.name,
        runtime="onnx",
        graphs={"model": "model.onnx"},
        inputs=tuple(TensorSpec(name=name, datatype="INT64", shape=(-1, -1)) for name in names),
        outputs=(TensorSpec(name="logits", datatype="FP32", shape=(-1, len(labels))),),
        config=config.model_dump(),
    )


def _publish_image(graph: Graph) -> None:
    from app.repository.publish import publish
    from training.data import imagenet
    from training.data.labels import write_labels
    from training.data.photos import MARGIN, squares, tiny_photos
    from training.graphs.export import exported
    from training.graphs.photo_classifier import classifier
    from training.recipes.imagenet_efficientnet import LITE0

    side, names = LITE0.side, imagenet.class_names()
    photos = squares(tiny_photos().calibration[:2], side)
    made = exported(classifier(LITE0), {"image": photos}, FOLDER / "image.onnx", ["probabilities"])
    publish(
        graph.repository,
        graph.model,
        {"model.onnx": made.path, "labels.json": write_labels(names, FOLDER / "labels.json")},
        task="image-classification",
        runtime="onnx",
        graphs={"model": "model.onnx"},
        inputs=made.inputs,
        outputs=made.outputs,
        config={"labels": "labels.json", "image_size": side, "resize_margin": MARGIN},
    )


def _write_texts() -> None:
    from training.data.sentiment import load_sentiment

    chosen = random.Random(SEED).sample(load_sentiment().text.tolist(), NUM_TEXTS)
    for load, sent in (("short", [SHORT_TEXT]), ("mixed", chosen)):
        for dialect, wrap in DIALECTS.items():
            lines = [json.dumps(wrap(text)) + "\n" for text in sent]
            (FOLDER / "bodies" / f"{load}-{dialect}.jsonl").write_text("".join(lines), encoding="utf-8")
    (FOLDER / "texts.json").write_text(json.dumps(chosen), encoding="utf-8")


def _write_photo() -> None:
    from PIL import Image, ImageOps

    from training.data.photos import scikit_photos

    photo = Image.open(BytesIO(scikit_photos()["astronaut"])).convert("RGB")
    file = FOLDER / "bodies" / "photo.jpg"
    ImageOps.fit(photo, PHOTO_SIZE, Image.Resampling.BICUBIC).save(file, quality=90)
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n'
    body = f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + file.read_bytes() + f"\r\n--{BOUNDARY}--\r\n".encode()
    file.with_suffix(".multipart").write_bytes(body)
