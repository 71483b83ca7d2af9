"""The draft that imported models have in common which answer in the pixels of a picture: a graph beside a pipeline."""

from base64 import b64encode
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from importlib.resources import files
from io import BytesIO
from typing import Any

from PIL import Image
from torch import nn

from app.repository.manifest import Batching, Metric
from app.runtimes.onnx import load_onnx
from app.runtimes.onnx_weights import weights_beside
from app.runtimes.options import RuntimeOptions
from app.tasks.view import View
from app.tensors import Tensors
from training.card.prose import Prose
from training.errors import TrainingError, progress
from training.importing.beside_pipeline import TOLERANCE, Expected, Fault, require_same_answers
from training.importing.folder import ModelFolder
from training.importing.whole_picture_graphs import export_whole_pictures
from training.recipe import Draft, Example, Run

GRAPH = "model.onnx"
PROSE = Prose(__name__)
SAMPLES = ("cat.jpg", "coffee.jpg", "rocket.jpg")  # of the page
SHAPES = ((160, 108), (108, 160), (240, 80))  # width and height: three photos of each, which share batches
BATCHING = Batching(max_batch_size=4)  # a picture takes most of a core's memory by itself
LEAST_SIDE = 32  # pixels: on fewer the deepest layers of these networks see less than one place


def photos() -> list[Mapping[str, Any]]:
    """Items with real photos: the middle of each sample in each of SHAPES, as JPEG."""
    return [{"image": _photo(name, shape)} for shape in SHAPES for name in SAMPLES]


def _photo(name: str, shape: tuple[int, int]) -> str:
    width, height = shape
    sample = Image.open(BytesIO(files("app").joinpath("api/pages/samples", name).read_bytes()))
    side = min(sample.width / width, sample.height / height)
    left, top = (sample.width - side * width) / 2, (sample.height - side * height) / 2
    file = BytesIO()
    box = (left, top, left + side * width, top + side * height)
    sample.resize(shape, Image.Resampling.BICUBIC, box).save(file, "JPEG", quality=85)
    return b64encode(file.getvalue()).decode()


def whole_picture_draft(
    folder: ModelFolder,
    run: Run,
    view: View[Any],
    module: nn.Module,
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
    items = photos()
    groups: dict[Hashable, list[tuple[Mapping[str, Any], Tensors]]] = defaultdict(list)
    for item in items:
        prepared = view.preprocess(view.contract.Input.model_validate(item), view.contract.Parameters())
        groups[view.kernel.group(prepared.rows[0])].append((item, prepared.rows[0]))
    progress("writing the graph")
    batch = view.kernel.collate([row for _, row in next(iter(groups.values()))][: len(SAMPLES)])
    graph = export_whole_pictures(module, batch, run.workdir / GRAPH, outputs, varies=len(view.kernel.lengths) > 1)
    sessions = {"model": load_onnx(graph.path, RuntimeOptions(device="cpu"))}
    asked = len(items) * len(parameters)
    progress(f"asking transformers the same {asked} questions")
    for some in parameters:
        for group in groups.values():
            of_one_size = [item for item, _ in group]
            require_same_answers(view, sessions, of_one_size, some, expected, [], fault=fault, named=_named)
    return Draft(
        description=f"{about}: {folder.name} as it is in a user's folder.",
        licence=folder.source.licence,
        files={GRAPH: graph.path, **weights_beside(graph.path)},
        graphs={"model": GRAPH},
        config=config,
        exported=graph,
        metrics=[
            Metric(
                name="answers_as_transformers",
                value=1.0,
                dataset="photos of the importer",
                split=f"{asked} requests, alone and in one batch with others of their size, all scores within "
                f"{TOLERANCE:g}",
            )
        ],
        sources=[folder.source],
        examples=[Example(dict(item), dict(parameters[0])) for item in items[: len(SAMPLES)]],
        batching=BATCHING,
        limits=[*limits, *PROSE.items("Limits")],
        notes=PROSE.text("Notes", architecture=folder.config["architectures"][0]),
        has_own_data=True,
    )


def require_classes(names: Sequence[str], count: int) -> None:
    """Raises TrainingError unless there is a name for each of `count` classes."""
    if len(names) != count:
        raise TrainingError(f"config.json names {len(names)} classes, and the network tells {count}")


def _named(item: Mapping[str, Any]) -> str:
    picture = photos().index(item)
    return f"{SAMPLES[picture % len(SAMPLES)]} as {' x '.join(map(str, SHAPES[picture // len(SAMPLES)]))}"
