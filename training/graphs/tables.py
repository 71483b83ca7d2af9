"""A scikit-learn pipeline of tables becomes an ONNX graph, and is proved to answer as it did."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import skl2onnx
from onnx.utils import Extractor
from skl2onnx.common._registration import get_converter, register_converter
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from app.repository.manifest import Verification
from app.runtimes.onnx import signature_of_onnx
from app.tensors import Array, Tensors
from training.errors import TrainingError, first_line
from training.recipe import Exported

OPSETS = {"": 18, "ai.onnx.ml": 3}
TOLERANCE = 1e-4  # of a probability; of a number, times how far the numbers lie apart
MOST_ALONE = 1_000  # rows that are also computed one by one
BOOSTED = ("SklearnHistGradientBoostingClassifier", "SklearnHistGradientBoostingRegressor")
ANSWERS = ("probabilities", "value")  # of classes, of a number


def as_tensors(fields: pd.DataFrame) -> Tensors:
    """Return rows as the graph reads them: fp32 columns and then texts, each kind as one tensor [rows, columns]."""
    is_number = [dtype == np.float32 for dtype in fields.dtypes]
    numbers, categories = fields.loc[:, is_number], fields.loc[:, [not each for each in is_number]]
    found = {"numbers": numbers.to_numpy(np.float32), "categories": categories.to_numpy(np.object_)}
    return {name: array for name, array in found.items() if array.shape[1]}


def exported_table(pipeline: Pipeline, fields: pd.DataFrame, path: Path) -> Exported:
    """Write a pipeline, fitted on such `fields`, as the graph at `path`, and compare the answers to all of them.

    Raises TrainingError if it cannot be written, or answers otherwise.
    """
    kinds = {"numbers": FloatTensorType, "categories": StringTensorType}
    types = {name: kinds[name]([None, array.shape[1]]) for name, array in as_tensors(fields).items()}
    model = named(converted(pipeline, types), list(types), ANSWERS[not is_classifier(pipeline)])
    onnx.save(model, path)
    expected = pipeline.predict_proba(fields) if is_classifier(pipeline) else pipeline.predict(fields)
    found = proved(expected, fields, path, "scikit-learn")
    signature = signature_of_onnx(path)
    return Exported(path, signature.inputs, signature.outputs, found)


def converted(model: Any, types: Mapping[str, Any]) -> onnx.ModelProto:
    """A fitted model of scikit-learn as a graph whose inputs have these types; raises TrainingError if it cannot be."""
    options = {"zipmap": False} if is_classifier(model) else None
    _mend_converters()
    try:
        written: onnx.ModelProto = skl2onnx.to_onnx(
            _exact(model), initial_types=[*types.items()], options=options, target_opset=OPSETS
        )
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise TrainingError(f"skl2onnx cannot write this model as a graph: {first_line(error)}") from error
    return written


def named(model: onnx.ModelProto, inputs: Sequence[str], answer: str) -> onnx.ModelProto:
    """The part of a graph that makes its last output, which is then called `answer`; all first dimensions are alike."""
    last = model.graph.output[-1].name
    part = Extractor(model).extract_model(list(inputs), [last])
    for node in part.graph.node:
        node.output[:] = [answer if name == last else name for name in node.output]
    part.graph.output[0].name = answer
    for value in (*part.graph.input, *part.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return part


def proved(expected: Array, fields: pd.DataFrame, path: Path, by: str) -> Verification:
    """Compare a graph with what the model itself, made `by` a library, tells of `fields`.

    `expected` are probabilities [rows, labels], or numbers [rows]. Raises TrainingError if the graph answers any row
    otherwise, in company or alone.
    """
    is_number = expected.ndim == 1
    tolerance = TOLERANCE * max(1.0, float(np.std(expected))) if is_number else TOLERANCE
    expected = expected[:, np.newaxis] if is_number else expected
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    batch = as_tensors(fields)
    (together,) = session.run(None, batch)
    num_alone = min(len(fields), MOST_ALONE)
    alone = [session.run(None, {name: array[i : i + 1] for name, array in batch.items()})[0] for i in range(num_alone)]
    differences = [_difference(np.concatenate(alone), expected[:num_alone]), _difference(together, expected)]
    if not max(differences) <= tolerance:  # also catches nan
        raise TrainingError(f"the graph differs from {by} by {max(differences):.2g}, more than {tolerance:.2g}")
    if not is_number and (changed := _changed(together, expected, tolerance)):
        raise TrainingError(f"the graph gives {changed} of {len(fields)} rows another class than {by}")
    return Verification(batch_1=differences[0], batch_n=differences[1], n=len(fields), inputs=len(fields))


def _difference(found: Array, expected: Array) -> float:
    return float(np.abs(found.astype(np.float64) - expected).max())


def _changed(found: Array, expected: Array, tolerance: float) -> int:
    """Return of how many rows the likeliest class is another; where two are as likely, either is right."""
    rows, best = np.arange(len(expected)), found.argmax(1)
    return int((expected[rows, best] < expected.max(1) - 2 * tolerance).sum())


def _exact(pipeline: Any) -> Any:
    """A pipeline that answers rows of fp32 as this one, and whose thresholds are fp32, too.

    A graph rounds thresholds to fp32. Rounded down, no number of fp32 changes the side on which it is.
    """
    copy = deepcopy(pipeline)
    for _, step in getattr(copy, "steps", [("", copy)]):
        for tree in (one for trees in getattr(step, "_predictors", ()) for one in trees):
            thresholds = tree.nodes["num_threshold"]
            rounded = thresholds.astype(np.float32)
            tree.nodes["num_threshold"] = np.where(
                rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded
            )
    return copy


class _WholeNumbers:
    """A container of skl2onnx that takes truth values for whole numbers, where onnx 1.23 wants these."""

    def __init__(self, container: Any) -> None:
        self._container = container

    def __getattr__(self, name: str) -> Any:
        return getattr(self._container, name)

    def add_node(self, *arguments: Any, **attributes: Any) -> None:
        tracks = attributes.get("nodes_missing_value_tracks_true", [])
        self._container.add_node(
            *arguments, **{**attributes, "nodes_missing_value_tracks_true": [int(each) for each in tracks]}
        )


def _mend_converters() -> None:
    """Let skl2onnx 1.20 write boosted trees; a version that can needs this no more, and is not harmed."""
    for name in BOOSTED:
        known = get_converter(name)
        if getattr(known, "is_mended", False):
            continue
        register_converter(name, _mended(known), overwrite=True, options=known.get_allowed_options())
        get_converter(name).is_mended = True


def _mended(convert: Callable[..., None]) -> Callable[..., None]:
    def converted(scope: Any, operator: Any, container: Any) -> None:
        convert(scope, operator, _WholeNumbers(container))

    return converted
