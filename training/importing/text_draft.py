"""The draft that all imported models of texts share: a graph beside a pipeline."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from app.repository.manifest import Metric
from app.runtimes.onnx import load_onnx
from app.runtimes.onnx_weights import weights_beside
from app.runtimes.options import RuntimeOptions
from app.tasks.text import TextKernel
from app.tasks.view import View
from training.card.prose import Prose
from training.errors import progress
from training.importing.beside_pipeline import LONGEST, TOLERANCE, Expected, readable, require_same_answers
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
    view: View[TextKernel],
    module: nn.Module,
    output: str,
    items: Sequence[Mapping[str, Any]],
    expected: Expected,
    *,
    config: Mapping[str, Any],
    about: str,
    parameters: Mapping[str, Any] | None = None,
) -> Draft:
    """Write `module` as a graph, and require that `view` answers `items` with it as is `expected`.

    Raises TrainingError if it cannot be exported, or answers otherwise than transformers.
    """
    parameters = parameters or {}
    items = readable(view, items)
    rows = [row for item in items for row in _rows(view, item, parameters)]
    progress("writing the graph")
    graph = export_texts(module, view.kernel, rows, run.workdir / GRAPH, [output])
    sessions = {"model": load_onnx(graph.path, RuntimeOptions(device="cpu"))}
    progress(f"asking transformers the same {len(items)} questions")
    length = min(view.kernel.encoder.max_tokens, LONGEST)
    require_same_answers(view, sessions, items, parameters, expected, length)
    return Draft(
        description=f"{about}: {model.folder.name} as it is in a user's folder.",
        licence=model.folder.source.licence,
        files={GRAPH: graph.path, TOKENIZER: run.workdir / TOKENIZER, **weights_beside(graph.path)},
        graphs={"model": GRAPH},
        config=config,
        exported=graph,
        metrics=[
            Metric(
                name="answers_as_transformers",
                value=1.0,
                dataset="requests of the importer",
                split=f"{len(items)} requests, alone and beside longer ones, all numbers within {TOLERANCE:g}",
            )
        ],
        sources=[model.folder.source],
        examples=[Example(dict(item), dict(parameters)) for item in items[:NUM_GOLDEN]],
        limits=PROSE.items("Limits"),
        notes=PROSE.text("Notes", tokens=view.kernel.encoder.max_tokens, architecture=type(model.network).__name__),
        has_own_data=True,
    )


def _rows(view: View[TextKernel], item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
    Input, Parameters = view.contract.Input, view.contract.Parameters
    return view.preprocess(Input.model_validate(item), Parameters.model_validate(parameters)).rows
