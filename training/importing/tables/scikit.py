"""Models of scikit-learn in files that joblib or pickle wrote. To read one runs whatever code it holds."""

import pickle
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import onnx
import pandas as pd
import sklearn
from onnx import helper
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils._indexing import _get_column_indices

from app.tensors import Array
from training.errors import TrainingError, first_line
from training.graphs.tables import ANSWERS, converted, named
from training.importing.tables.model import TableModel

UNREADABLE = (OSError, ValueError, LookupError, EOFError, AttributeError, ImportError, TypeError, pickle.PickleError)


def open_scikit(path: Path) -> TableModel:
    """Raises TrainingError if the file holds no fitted classifier or regressor of this version of scikit-learn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InconsistentVersionWarning)
        try:
            model = joblib.load(path)
        except InconsistentVersionWarning as warning:
            raise TrainingError(
                f"{path.name} was written by scikit-learn {warning.original_sklearn_version}, and this is "
                f"{sklearn.__version__}; install that version here, or write the model anew"
            ) from None
        except UNREADABLE as error:
            raise TrainingError(f"{path.name} cannot be read: {first_line(error)}") from error
    if not isinstance(model, BaseEstimator) or not (is_classifier(model) or is_regressor(model)):
        raise TrainingError(f"{path.name} holds a {type(model).__name__}, which is no classifier or regressor")
    if not hasattr(model, "n_features_in_"):
        raise TrainingError(f"{path.name} holds a {type(model).__name__} that was not fitted")
    if is_classifier(model) and not hasattr(model, "predict_proba"):
        raise TrainingError(f"a {_innermost(model)} gives no probabilities; fit it in a CalibratedClassifierCV")
    names = [str(name) for name in getattr(model, "feature_names_in_", map("x{}".format, range(model.n_features_in_)))]
    categories = _categories(model, names)
    return TableModel(
        kind=f"{_innermost(model)} of scikit-learn {sklearn.__version__}",
        library="scikit-learn",
        names=names,
        labels=[str(each) for each in model.classes_] if is_classifier(model) else [],
        told=lambda rows: _told(model, rows),
        graph=lambda: _graph(model, names, categories),
        categories=categories,
    )


def _innermost(model: Any) -> str:
    return type(getattr(model, "steps", [("", model)])[-1][1]).__name__


def _told(model: Any, rows: pd.DataFrame) -> Array:
    given = rows if hasattr(model, "feature_names_in_") else rows.to_numpy()
    found = np.asarray(model.predict_proba(given) if is_classifier(model) else model.predict(given), np.float64)
    return found if is_classifier(model) else found.reshape(len(rows))


def _columns_of(model: Any) -> ColumnTransformer | None:
    first = getattr(model, "steps", [("", model)])[0][1]
    return first if isinstance(first, ColumnTransformer) else None


def _categories(model: Any, names: Sequence[str]) -> dict[str, list[str]]:
    """The columns that an encoder of categories reads, if these are texts."""
    columns = _columns_of(model)
    found: dict[str, list[str]] = {}
    for _, part, chosen in columns.transformers_ if columns else ():
        encoder = next((one for _, one in getattr(part, "steps", [("", part)]) if hasattr(one, "categories_")), None)
        if encoder is None:
            continue
        indices = _get_column_indices(pd.DataFrame(columns=list(names)), chosen)
        for index, known in zip(indices, encoder.categories_, strict=True):
            if known.dtype.kind in "OU":
                found[names[index]] = [each for each in known if isinstance(each, str) and each]
    return found


def _graph(model: Any, names: Sequence[str], categories: Mapping[str, Sequence[str]]) -> onnx.ModelProto:
    answer = ANSWERS[not is_classifier(model)]
    if _columns_of(model) is None:
        types = {"numbers": FloatTensorType([None, len(names)])}
        return named(converted(model, types), list(types), answer)
    types = {name: (StringTensorType if name in categories else FloatTensorType)([None, 1]) for name in names}
    written = converted(model, types)
    order = [one.name for one in written.graph.input]
    texts = [given for given, name in zip(order, names, strict=True) if name in categories]
    numbers = [given for given in order if given not in texts]
    return of_matrices(named(written, order, answer), {"numbers": numbers, "categories": texts})


def of_matrices(model: onnx.ModelProto, parts: Mapping[str, Sequence[str]]) -> onnx.ModelProto:
    """A graph that has an input for each column, as one that has an input for each kind, [batch, columns]."""
    types = {one.name: one.type.tensor_type.elem_type for one in model.graph.input}
    del model.graph.input[:]
    splits = []
    for name, columns in parts.items():
        if columns:
            kind = types[columns[0]]
            model.graph.input.append(helper.make_tensor_value_info(name, kind, ["batch", len(columns)]))
            splits.append(helper.make_node("Split", [name], list(columns), axis=1, num_outputs=len(columns)))
    nodes = [*splits, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model
