"""A graph that reads photos, as a model of the task image-classification."""

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from app.adding.batching import largest_batch
from app.adding.classes import Classes, classes_of
from app.adding.graph import Graph
from app.adding.kinds import PHOTOS
from app.adding.labels import read_labels
from app.adding.pictures import Form, form_of
from app.adding.served_as import ServedAs
from app.adding.wishes import Wishes
from app.errors import InvalidArtifact, InvalidInput
from app.independence.examples import why_rows_depend
from app.repository.manifest import Golden
from app.tasks.file_bytes import to_base64
from app.tasks.image_classification import ImageClassification, ImageClassificationConfig, ImageClassificationKernel
from app.tasks.image_graph import ImageGraphConfig
from app.tasks.image_input import CAT
from app.tasks.pixels import read_picture
from app.tasks.scaling import PixelScaling, ScalingConfig
from app.tasks.view import predict_json
from app.tensors import GraphRefused, Tensors, TensorSpec

LABELS = "labels.json"
ROUNDING = 1e-3  # what processors may differ by, in a deep network
NUMBERS = "numbers"


def as_photo_classes(graph: Graph, files: dict[str, Path], wishes: Wishes) -> ServedAs:
    """Give the version its class names, which come to `files`, and the way from photos to their probabilities.

    Raises InvalidInput if the graph cannot be given photos, or what is said of it does not fit it; InvalidArtifact if
    it does not answer them.
    """
    if wishes.labels is None:
        raise InvalidInput("--labels is needed of a graph that labels photos; --task tensors serves it as it is")
    if wishes.outputs == NUMBERS:
        raise InvalidInput(f"--outputs {NUMBERS}: labels of photos have probabilities; --task tensors gives numbers")
    numbered = list[str]()
    labels, form = read_labels(wishes.labels, numbered), form_of(graph, wishes)
    photos = _photos()
    classes = classes_of(_answers(graph, form, photos), len(labels), wishes.output, wishes.outputs)
    files[LABELS] = graph.folder / LABELS
    files[LABELS].write_text(json.dumps(labels, ensure_ascii=False), encoding="utf-8")
    config = ImageClassificationConfig(labels=LABELS, pixels=form.pixels, graph=_graph_config(form, classes))
    view = ImageClassification(ImageClassificationKernel(config, files))
    unbatched = _why_unbatched(graph, form, view, photos)
    return ServedAs(
        PHOTOS,
        config,
        (_golden(view, graph),),
        (),
        "photos in, labels with probabilities out",
        inputs=(TensorSpec(name="image", datatype="UINT8", shape=(-1, *view.kernel.size, 3)),),
        outputs=(TensorSpec(name="probabilities", datatype="FP32", shape=(-1, len(labels))),),
        largest=1 if unbatched else largest_batch(graph),
        unbatched=unbatched,
        said=(*form.notes, *_alike(numbered), classes.said(wishes.outputs)),
    )


def _alike(numbered: Sequence[str]) -> Sequence[str]:
    return [f"names that come twice have their number: {', '.join(numbered)}"] if numbered else []


def _graph_config(form: Form, classes: Classes) -> ImageGraphConfig:
    return ImageGraphConfig(
        input=form.image.name,
        output=classes.output,
        function_to_apply=classes.function,
        is_applied=classes.is_applied,
        **form.scaling,
    )


def _photos() -> list[bytes]:
    """A photo, the same upside down, and in the opposite colours."""
    cat = Image.open(BytesIO(CAT)).convert("RGB")
    return [CAT, *map(_png, (ImageOps.flip(cat), ImageOps.invert(cat)))]


def _png(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def _answers(graph: Graph, form: Form, photos: Sequence[bytes]) -> Sequence[Tensors]:
    """Answers to photos, each without a batch dimension."""
    scaled = PixelScaling(ScalingConfig.model_validate(form.scaling))
    numbers = [scaled(read_picture(photo, form.pixels).pixels) for photo in photos]
    try:
        answers = [graph.session.run({form.image.name: each[np.newaxis]}) for each in numbers]
    except GraphRefused as error:
        raise InvalidArtifact(f"the graph does not answer a photo: {error}") from error
    return [{name: array[0] for name, array in answer.items() if array.shape[:1] == (1,)} for answer in answers]


def _why_unbatched(graph: Graph, form: Form, view: ImageClassification, photos: Sequence[bytes]) -> str:
    if form.image.shape[0] == 1:
        return "it takes one row at a time"
    examples: list[tuple[Any, Mapping[str, Any]]] = [({"image": to_base64(photo)}, {}) for photo in photos]
    return why_rows_depend(view, {"model": graph.session}, {"model": graph.program}, examples, largest_batch(graph))


def _golden(view: ImageClassification, graph: Graph) -> Golden:
    item = dict(view.contract.example)
    output = predict_json(view, {"model": graph.session}, item, {})
    return Golden(input=item, output=output, tolerance=ROUNDING)
