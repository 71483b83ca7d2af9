"""A graph that reads texts, as a model of the task text-classification."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from app.adding.batching import largest_batch
from app.adding.classes import Classes, classes_of
from app.adding.graph import Graph
from app.adding.kinds import IDS, TEXTS
from app.adding.labels import read_labels
from app.adding.largest import largest
from app.adding.served_as import ServedAs
from app.adding.wishes import Wishes
from app.errors import InvalidArtifact, InvalidInput
from app.independence.examples import why_rows_depend
from app.repository.manifest import Golden
from app.runtimes.signature import Signature
from app.tasks.text import TYPES, TextEncoder
from app.tasks.text_classification import TextClassification, TextClassificationConfig, TextClassificationKernel
from app.tasks.view import predict_json
from app.tensors import GraphRefused, Tensors, TensorSpec

TOKENIZER = "tokenizer.json"
MASK = "attention_mask"
USUAL_TOKENS = 512  # where the graph reads more, and nobody says how many
FEW_TOKENS = 8  # are read by any graph
ROUNDING = 1e-3  # what processors may differ by, in a deep network
NUM_GOLDEN = 3
CUT = {"truncate": True}
Example = tuple[Mapping[str, Any], Mapping[str, Any]]
TEXTS_TO_TRY = (
    "what a good film",
    "No.",
    "The delivery was late, the box was damaged and nobody answered my letters; I want my money back.",
    "Das Wetter bleibt am Wochenende sonnig, am Montag regnet es.",
    "Shares of the company rose by 4.5 % after it had raised its forecast for the year.",
    "¿Dónde está la estación? 駅はどこですか。",
    "a bad film with a good beginning, and what an end " * 6,
    "Is it going to rain?",
)


def as_texts(graph: Graph, files: dict[str, Path], wishes: Wishes) -> ServedAs:
    """Give the version a tokenizer, which comes to `files`, and the way from the graph's numbers to labels.

    Raises InvalidInput if the graph cannot be given texts, or what is said of it does not fit it; InvalidArtifact if
    it does not answer them.
    """
    if wishes.labels is None or wishes.tokenizer is None:
        lacking = "--labels" if wishes.labels is None else "--tokenizer"
        raise InvalidInput(f"{lacking} is needed of a graph that labels texts; --task tensors serves it as it is")
    labels = read_labels(wishes.labels)
    has_types = _has_types(graph.signature)
    encoder, stated = _encoder(wishes.tokenizer, has_types=has_types)
    _require_known_tokens(graph, encoder)
    encoder.max_tokens, reason = _max_tokens(graph, encoder, stated, wishes.max_tokens)
    texts = _readable(encoder)
    classes = classes_of(_answers(graph, encoder, texts), len(labels), wishes.output, wishes.outputs)
    config = TextClassificationConfig(
        labels=labels,
        tokenizer=TOKENIZER,
        max_tokens=encoder.max_tokens,
        function_to_apply=classes.function,
        is_applied=classes.is_applied,
        output=classes.output,
        has_types=has_types,
    )
    files[TOKENIZER] = wishes.tokenizer
    view = TextClassification(TextClassificationKernel(config, files))
    examples = [({"text": text}, CUT) for text in texts]
    unbatched = _why_unbatched(graph, view, examples)
    return ServedAs(
        TEXTS,
        config,
        _golden(view, graph, examples[:NUM_GOLDEN]),
        (),
        "texts in, labels with scores out",
        inputs=graph.signature.inputs,
        outputs=(_described(graph.signature, classes, len(labels)),),
        largest=1 if unbatched else largest_batch(graph),
        unbatched=unbatched,
        said=(
            f"of a text it reads up to {encoder.max_tokens} tokens, {reason}",
            classes.said(wishes.outputs),
        ),
    )


def _has_types(signature: Signature) -> bool:
    """Whether it reads `token_type_ids`, too. Raises InvalidInput if it reads anything but tokens of texts."""
    names = {one.name for one in signature.inputs}
    if not {IDS, MASK} <= names <= {IDS, MASK, TYPES}:
        raise InvalidInput(
            f"a graph that labels texts reads {IDS} and {MASK}, and maybe {TYPES}; this one reads {', '.join(names)}"
        )
    for one in signature.inputs:
        if one.datatype != "INT64" or len(one.shape) != 2 or one.shape[1] >= 0 or one.shape[0] not in (-1, 1):
            raise InvalidInput(
                f"{one.name} is {one.datatype} of shape {list(one.shape)}; tokens of texts of any length are INT64 of "
                "shape [-1, -1], where -1 is any size"
            )
    return TYPES in names


def _encoder(path: Path, *, has_types: bool) -> tuple[TextEncoder, int | None]:
    """The reader of texts, and how many tokens of one it states to be read, if it does."""
    try:
        truncation: dict[str, Any] | None = Tokenizer.from_file(str(path)).truncation
        stated = None if truncation is None else int(truncation["max_length"])
        return TextEncoder(path, USUAL_TOKENS, has_types=has_types), stated
    except Exception as error:  # of another library, of whatever a file holds
        raise InvalidInput(f"--tokenizer {path}: is no {TOKENIZER} that can be read: {error}") from error


def _require_known_tokens(graph: Graph, encoder: TextEncoder) -> None:
    """Raises InvalidInput if the tokenizer gives numbers of tokens that the graph does not read."""

    def fault_of(token: int) -> str:
        return _fault(graph, encoder.row([token] * FEW_TOKENS))

    known = encoder.num_tokens_known
    if fault := fault_of(0):
        raise InvalidArtifact(f"the graph cannot read a text of {FEW_TOKENS} tokens: {fault}")
    if fault_of(known - 1):
        read = largest(lambda token: not fault_of(token), 0, known - 1) + 1
        raise InvalidInput(f"--tokenizer: it knows {known} tokens, and the graph reads {read}")


def _max_tokens(graph: Graph, encoder: TextEncoder, stated: int | None, wished: int | None) -> tuple[int, str]:
    """The most tokens that are read of a text, and in words why so many. Raises InvalidInput for a bad wish."""

    def fault_of(length: int) -> str:
        return _fault(graph, encoder.row([encoder.num_tokens_known - 1] * length))

    if wished is not None:
        if wished < FEW_TOKENS:
            raise InvalidInput(f"--max-tokens {wished}: it must be at least {FEW_TOKENS}")
        if fault := fault_of(wished):
            raise InvalidInput(f"--max-tokens {wished}: the graph cannot read so many: {fault}")
        return wished, "as was said"
    most = max(stated or USUAL_TOKENS, FEW_TOKENS)
    found = largest(lambda length: not fault_of(length), FEW_TOKENS, most)
    if found < most:
        return found, "and cannot compute more"
    return most, f"{'as its tokenizer says' if stated else 'as is usual'}; --max-tokens says otherwise"


def _fault(graph: Graph, row: Tensors) -> str:
    """Return what the graph has against a row, "" if nothing."""
    try:
        graph.session.run({name: array[np.newaxis] for name, array in row.items()})
    except GraphRefused as error:
        return str(error)
    return ""


def _readable(encoder: TextEncoder) -> list[str]:
    """Those of TEXTS_TO_TRY of which the tokenizer leaves something. Raises InvalidInput if it does of none."""
    found = []
    for text in TEXTS_TO_TRY:
        with suppress(InvalidInput):
            encoder.tokens(text, truncate=True)
            found.append(text)
    if not found:
        raise InvalidInput(f"--tokenizer: it drops every character of texts such as {TEXTS_TO_TRY[0]!r}")
    return found


def _answers(graph: Graph, encoder: TextEncoder, texts: Sequence[str]) -> Sequence[Tensors]:
    """Answers to `texts`, each without a batch dimension."""
    rows = [encoder.encode(text, truncate=True) for text in texts]
    try:
        answers = [graph.session.run({name: array[np.newaxis] for name, array in row.items()}) for row in rows]
    except GraphRefused as error:
        raise InvalidArtifact(f"the graph does not answer texts: {error}") from error
    return [{name: array[0] for name, array in answer.items() if array.shape[:1] == (1,)} for answer in answers]


def _why_unbatched(graph: Graph, view: TextClassification, examples: Sequence[Example]) -> str:
    if largest_batch(graph) < 2 or not graph.dimensions.batch():
        return "it takes one row at a time"
    return why_rows_depend(view, {"model": graph.session}, {"model": graph.program}, examples, largest_batch(graph))


def _golden(view: TextClassification, graph: Graph, examples: Sequence[Example]) -> tuple[Golden, ...]:
    golden = []
    for item, parameters in examples:
        output = predict_json(view, {"model": graph.session}, item, parameters)
        tolerance = ROUNDING * max([1.0, *(abs(label["score"]) for label in output)])
        golden.append(Golden(input=item, parameters=dict(parameters), output=output, tolerance=tolerance))
    return tuple(golden)


def _described(signature: Signature, classes: Classes, count: int) -> TensorSpec:
    (found,) = [one for one in signature.outputs if one.name == classes.output]
    return found.model_copy(update={"shape": (-1, count)})
