"""The draft that all imported models of texts share: a graph beside a pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from app.repository.manifest import Metric, Variant
from app.runtimes.onnx import load_onnx
from app.runtimes.onnx_weights import weights_beside
from app.runtimes.options import RuntimeOptions
from app.tasks.view import View
from app.tensors import Tensors
from training.card.prose import Prose
from training.errors import progress
from training.importing.beside_pipeline import (
    LONGEST,
    TOLERANCE,
    Expected,
    answers_as_transformers,
    longer_stranger,
    readable,
    require_same_answers,
)
from training.importing.int8_beside import INT8, beside_fp32_answers
from training.importing.network import TOKENIZER, TextModel
from training.importing.text_graphs import export_texts
from training.recipe import Draft, Example, Run

GRAPH = "model.onnx"
NUM_GOLDEN = 4
PROSE = Prose(__name__)
TEXTS = PROSE.items("Texts")


def text_draft(
    model: TextModel,
    run: Run,
    view: View[Any],
    module: nn.Module,
    output: str,
    items: Sequence[Mapping[str, Any]],
    expected: Expected,
    *,
    config: Mapping[str, Any],
    about: str,
    parameters: Sequence[Mapping[str, Any]] = ({},),
    limits: Sequence[str] = (),
) -> Draft:
    """Write `module` as a graph, and require that `view` answers `items` with it as is `expected`.

    They are asked with each of `parameters`; golden examples with the first. Raises TrainingError if it cannot be
    exported, or answers otherwise than transformers.
    """
    items = readable(view, items)
    rows = [row for item in items for row in _rows(view, item)]
    progress("writing the graph")
    graph = export_texts(module, view.kernel, rows, run.workdir / GRAPH, [output])
    sessions = {"model": load_onnx(graph.path, RuntimeOptions(device="cpu"))}
    asked = len(items) * len(parameters)
    progress(f"asking transformers the same {asked} questions")
    stranger = longer_stranger(rows[0], min(view.kernel.encoder.max_tokens, LONGEST))
    for some in parameters:
        require_same_answers(view, sessions, items, some, expected, [stranger])
    examples = [Example(dict(item), dict(parameters[0])) for item in items[:NUM_GOLDEN]]
    files, variants, metrics = weights_beside(graph.path), dict[str, Variant](), list[Metric]()
    if run.variants:
        requests = [(item, some) for some in parameters for item in items]
        int8 = beside_fp32_answers(view, sessions, graph.path, requests, run.workdir)
        limits, metrics = [*limits, *int8.limits], [int8.metric]
        if int8.graph:
            examples = [*int8.examples[:NUM_GOLDEN]]
            files[int8.graph.name] = int8.graph
            variants[INT8] = Variant(runtime="onnx", precision=INT8, graphs={"model": int8.graph.name})
    return Draft(
        description=f"{about}: {model.folder.name} as it is in a user's folder.",
        licence=model.folder.source.licence,
        files={GRAPH: graph.path, TOKENIZER: run.workdir / TOKENIZER, **files},
        graphs={"model": GRAPH},
        variants=variants,
        config=config,
        exported=graph,
        metrics=[
            answers_as_transformers(
                "requests of the importer",
                f"{asked} requests, alone and beside longer ones, all numbers within {TOLERANCE:g}",
            ),
            *metrics,
        ],
        sources=[model.folder.source],
        examples=examples,
        limits=[*limits, *PROSE.items("Limits")],
        notes=PROSE.text("Notes", tokens=view.kernel.encoder.max_tokens, architecture=type(model.network).__name__),
        has_own_data=True,
    )


def _rows(view: View[Any], item: Mapping[str, Any]) -> Sequence[Tensors]:
    return view.preprocess(view.contract.Input.model_validate(item), view.contract.Parameters()).rows
