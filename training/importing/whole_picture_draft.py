"""The draft that imported models have in common which answer in the pixels of a picture: a graph beside a pipeline."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from io import BytesIO
from typing import Any

from PIL import Image, ImageOps
from torch.export import Dim

from app.errors import InvalidInput
from app.repository.manifest import Batching
from app.runtimes.onnx import load_onnx
from app.runtimes.onnx_weights import weights_beside
from app.runtimes.options import RuntimeOptions
from app.tasks.file_bytes import to_base64
from app.tasks.pixels import read_picture
from app.tasks.view import View
from app.tensors import Tensors
from training.card.prose import Prose
from training.data.photos import scikit_photos
from training.errors import progress
from training.importing.beside_pipeline import (
    TOLERANCE,
    Expected,
    Fault,
    answers_as_transformers,
    require_same_answers,
)
from training.importing.exporting import written
from training.importing.folder import ModelFolder
from training.importing.image_graphs import Segmented, exportable
from training.importing.image_processor import ImageReading, require_same_numbers
from training.importing.photos import compared_photos
from training.recipe import Draft, Example, Run

GRAPH = "model.onnx"
PROSE = Prose(__name__)
NUM_PHOTOS, NUM_GOLDEN = 3, 3
SHAPES = ((160, 108), (108, 160), (240, 80))  # width and height: three photos of each, which share batches
BATCHING = Batching(max_batch_size=4)  # a picture takes most of a core's memory by itself
LEAST_SIDE = 32  # pixels: on fewer the deepest layers of these networks see less than one place


def photos() -> dict[str, dict[str, Any]]:
    """Items with real photos, as JPEG, by what they show: the middle of each of NUM_PHOTOS in each of SHAPES."""
    whole = list(scikit_photos().items())[:NUM_PHOTOS]
    return {
        f"{name} as {shape[0]} x {shape[1]} pixels": {"image": to_base64(_middle(photo, shape))}
        for shape in SHAPES
        for name, photo in whole
    }


def _middle(photo: bytes, shape: tuple[int, int]) -> bytes:
    file = BytesIO()
    ImageOps.fit(Image.open(BytesIO(photo)).convert("RGB"), shape).save(file, "JPEG", quality=85)
    return file.getvalue()


def _is_read(photo: bytes, reading: ImageReading) -> bool:
    """Whether anything is left of a photo: of a strip, where both sides are made short, there may be nothing."""
    try:
        return bool(read_picture(photo, reading.pixels))
    except InvalidInput:
        return False


def whole_picture_draft(
    folder: ModelFolder,
    run: Run,
    view: View[Any],
    module: Segmented,
    reading: ImageReading,
    outputs: list[str],
    expected: Expected,
    fault: Fault,
    *,
    config: Mapping[str, Any],
    about: str,
    parameters: Sequence[Mapping[str, Any]] = ({},),
    limits: Sequence[str] = (),
) -> Draft:
    """Write `module` as a graph, and require that `view` answers photos with it as is `expected`, or has no `fault`.

    They are asked with each of `parameters`; golden examples with the first. Raises TrainingError if it cannot be
    exported, or answers otherwise than transformers.
    """
    named = photos()
    require_same_numbers(reading, {name: one for name, one in compared_photos().items() if _is_read(one, reading)})
    items, names = list(named.values()), {item["image"]: name for name, item in named.items()}
    groups: dict[Hashable, list[tuple[Mapping[str, Any], Tensors]]] = defaultdict(list)
    for item in items:
        prepared = view.preprocess(view.contract.Input.model_validate(item), view.contract.Parameters())
        groups[view.kernel.group(prepared.rows[0])].append((item, prepared.rows[0]))
    progress("writing the graph")
    rows = [row for _, row in next(iter(groups.values()))]
    varying = {0: Dim("batch"), **({} if reading.pixels.size else {1: Dim("height"), 2: Dim("width")})}
    with exportable(module.network):
        graph = written(module, view.kernel.collate(rows), run.workdir / GRAPH, outputs, varying)
    sessions = {"model": load_onnx(graph.path, RuntimeOptions(device="cpu"))}
    asked = len(items) * len(parameters)
    progress(f"asking transformers the same {asked} questions")
    for some in parameters:
        for group in groups.values():
            of_one_size = [item for item, _ in group]
            require_same_answers(
                view, sessions, of_one_size, some, expected, [], fault=fault, named=lambda item: names[item["image"]]
            )
    return Draft(
        description=f"{about}: {folder.name} as it is in a user's folder.",
        licence=folder.source.licence,
        files={GRAPH: graph.path, **weights_beside(graph.path)},
        graphs={"model": GRAPH},
        config=config,
        exported=graph,
        metrics=[
            answers_as_transformers(
                "photos of the importer",
                f"{asked} requests, alone and in one batch with others of their size, all scores within {TOLERANCE:g}",
            )
        ],
        sources=[folder.source],
        examples=[Example(dict(item), dict(parameters[0])) for item in items[:NUM_GOLDEN]],
        batching=BATCHING,
        limits=[*limits, *PROSE.items("Limits")],
        notes=PROSE.text("Notes", architecture=type(module.network).__name__),
        has_own_data=True,
    )
