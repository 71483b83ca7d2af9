"""The kinds of model that a graph may become: tensors as they are, or the typed answers of a task."""

from collections.abc import Mapping

from app.adding.pictures import image_of
from app.adding.wishes import Wishes
from app.errors import InvalidInput
from app.runtimes.signature import Signature
from app.tasks.image_classification import ImageClassification
from app.tasks.image_features import ImageFeatureExtraction
from app.tasks.tensors import RawTensors
from app.tasks.text_classification import TextClassification

TENSORS, TEXTS = RawTensors.contract.name, TextClassification.contract.name
PHOTOS, FEATURES = ImageClassification.contract.name, ImageFeatureExtraction.contract.name

OPTIONS: Mapping[str, tuple[str, ...]] = {
    TENSORS: ("size", "example", "labels"),
    TEXTS: ("labels", "tokenizer", "max-tokens", "outputs", "output"),
    PHOTOS: ("size", "labels", "photos", "mean", "std", "resize", "preprocessor", "outputs", "output"),
    FEATURES: ("size", "photos"),
}
"""By task, the options of `models add` that say something of such a model; `task` does of each."""

IDS = "input_ids"


def task_for(signature: Signature, wishes: Wishes) -> str:
    """The task of a graph with such inputs, of which somebody says so much: with a list of classes a typed one.

    Raises InvalidInput if an option says nothing of such a model.
    """
    task = wishes.task or _told(signature, wishes)
    for option, _ in wishes.options():
        if option not in ("task", *OPTIONS[task]):
            others = " and ".join(other for other, options in OPTIONS.items() if option in options)
            raise InvalidInput(f"--{option} is for models of {others}, and this becomes one of {task}")
    return task


def _told(signature: Signature, wishes: Wishes) -> str:
    if wishes.tokenizer or (wishes.labels and any(one.name == IDS for one in signature.inputs)):
        return TEXTS
    if wishes.photos and not wishes.labels:
        return FEATURES
    reads_photos = wishes.photos or wishes.mean or wishes.resize or wishes.preprocessor or image_of(signature)
    return PHOTOS if wishes.labels and reads_photos else TENSORS
