"""Classifiers of images: one label of several, or any number of them."""

import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from app.runtimes.onnx import load_onnx
from app.runtimes.onnx_weights import weights_beside
from app.runtimes.options import RuntimeOptions
from app.tasks.file_bytes import to_base64
from app.tasks.image_classification import ImageClassification, ImageClassificationConfig, ImageClassificationKernel
from app.tasks.view import predict_json
from app.tensors import Session
from training.card.prose import Prose
from training.data.photos import scikit_photos, thumbnail
from training.errors import TrainingError, progress
from training.importing.beside_pipeline import TOLERANCE, answers_as_transformers, pipeline_of, require_same_answers
from training.importing.exporting import written
from training.importing.folder import CONFIG, ModelFolder
from training.importing.image_graphs import Classified
from training.importing.image_processor import FILE, image_reading_of, require_same_numbers
from training.importing.labels import labels_in
from training.importing.network import load_network
from training.importing.photos import compared_photos, picture_in
from training.recipe import Draft, Example, Run

GRAPH, LABELS = "model.onnx", "labels.json"
NUM_EXPORTED = 4  # pictures that the exporter sees
NUM_GOLDEN = 4
MOST_GOLDEN = 3  # labels of a golden example
MOST_LABELS = 10_000  # that one may ask for
PROSE = Prose(__name__)


def make(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    labels, is_one_of_many = labels_of(folder.config), is_one_of_many_in(folder.config)
    reading = image_reading_of(folder)
    if reading.pixels.size is None:
        raise TrainingError(
            f"pictures of all sizes come out of {FILE}, whose size keeps their shape; with do_center_crop, or a height "
            "and a width, they can share batches"
        )
    network = load_network(folder, "AutoModelForImageClassification")
    photos = compared_photos()
    require_same_numbers(reading, photos)

    files = {GRAPH: run.workdir / GRAPH, LABELS: run.workdir / LABELS}
    files[LABELS].write_text(json.dumps(labels, ensure_ascii=False, indent=0))
    config = ImageClassificationConfig(labels=LABELS, pixels=reading.pixels)
    kernel = ImageClassificationKernel(config, files)
    rows = [kernel.row(photo) for photo in photos.values()]
    progress("writing the graph")
    module = Classified(network, reading.levels, is_one_of_many=is_one_of_many)
    graph = written(module, kernel.collate(rows[:NUM_EXPORTED]), files[GRAPH], ["probabilities"])
    num_scores = graph.outputs[0].shape[-1]
    if num_scores != len(labels):
        raise TrainingError(f"id2label in {CONFIG} has {len(labels)} labels, and the network gives {num_scores} scores")
    sessions = {"model": load_onnx(graph.path, RuntimeOptions(device="cpu"))}

    view = ImageClassification(kernel)
    pipeline = pipeline_of("image-classification", network, processor=reading.processor)
    names = {to_base64(photo): name for name, photo in photos.items()}
    asked = [{}, {"top_k": min(len(labels), MOST_LABELS)}]
    progress(f"asking transformers about the same {len(photos)} photos")
    for parameters in asked:
        require_same_answers(
            view,
            sessions,
            [{"image": image} for image in names],
            parameters,
            lambda item, parameters: pipeline(picture_in(item), top_k=len(labels)),
            [{"image": np.full((*kernel.size, 3), level, np.uint8)} for level in (0, 255)],
            fault=label_fault,
            named=lambda item: f"the photo {names[item['image']]!r}",
        )
    return Draft(
        description=f"{ABOUT[is_one_of_many]}: {folder.name} as it is in a user's folder.",
        licence=folder.source.licence,
        files={**files, **weights_beside(graph.path)},
        graphs={"model": GRAPH},
        config=config.model_dump(exclude_unset=True),
        exported=graph,
        metrics=[
            answers_as_transformers(
                "photos of the importer",
                f"{len(photos)} photos, alone and beside others, all scores within {TOLERANCE:g}",
            )
        ],
        sources=[folder.source],
        examples=golden(view, sessions),
        limits=PROSE.items("Limits"),
        notes=PROSE.text("Notes", architecture=type(network).__name__, height=kernel.size[0], width=kernel.size[1]),
        has_own_data=True,
    )


ABOUT = {
    True: "Labels each picture with one of several labels",
    False: "Labels each picture with any number of labels, each with a score of its own",
}


def labels_of(config: Mapping[str, Any]) -> list[str]:
    """The names of the classes in `config.json`, in the order of the network's outputs. Raises TrainingError."""
    stated = config.get("id2label")
    if not isinstance(stated, dict) or not stated:
        raise TrainingError(
            f'{CONFIG} has no id2label, so nothing tells what the classes are called: {{"0": "cat", …}}'
        )
    labels = labels_in(stated)
    if len(labels) == 1:
        raise TrainingError(f"id2label in {CONFIG} has one label, and a classifier of images has two at least")
    return labels


def is_one_of_many_in(config: Mapping[str, Any]) -> bool:
    """Whether one label is right, as the pipeline of transformers decides it. Raises TrainingError of a regression."""
    problem = config.get("problem_type")
    if problem == "regression":
        raise TrainingError(f"problem_type in {CONFIG} is regression: a network that gives numbers, and no labels")
    return problem != "multi_label_classification"


def label_fault(expected: Sequence[Mapping[str, Any]], answer: Sequence[Mapping[str, Any]]) -> str | None:
    """The best labels differ from the first of all that are expected: by scores, whose order rounding may change."""
    scores: dict[str, list[float]] = {}
    for one in expected:  # two classes may have one name
        scores.setdefault(one["label"], []).append(one["score"])
    for place, (known, found) in enumerate(zip(expected, answer, strict=False)):
        near = min((abs(score - found["score"]) for score in scores.get(found["label"], [])), default=np.inf)
        if not max(near, abs(known["score"] - found["score"])) <= TOLERANCE:  # also of nan
            return f"the answer.{place} is {found!r:.80}, expected {known!r:.80} within {TOLERANCE:g}"
    return None


def golden(view: ImageClassification, sessions: Mapping[str, Session]) -> list[Example]:
    """Small photos with as many labels as are in an order that no tolerated difference can change."""
    examples = []
    for photo in scikit_photos().values():
        item = {"image": to_base64(thumbnail(photo))}
        best = [one["score"] for one in predict_json(view, sessions, item, {"top_k": MOST_GOLDEN + 1})]
        gaps = [better - worse > 2 * TOLERANCE for better, worse in pairwise(best)]
        num_certain = gaps.index(False) if False in gaps else len(gaps)
        examples += [Example(item, {"top_k": num_certain})] if num_certain else []
    return examples[:NUM_GOLDEN] or [Example(item, {"top_k": 1})]
