"""Pipelines of scikit-learn as graphs: the same answers, with gaps, unknown categories and at thresholds."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pytest
from onnx import numpy_helper
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from app.tensors import Array
from training.errors import TrainingError
from training.graphs.tables import as_tensors, exported_table, proved

RANDOM = np.random.default_rng(0)
ROWS = 300
NUMBERS = RANDOM.normal(size=(ROWS, 2)).astype(np.float32)
NUMBERS[RANDOM.random((ROWS, 2)) < 0.1] = np.nan
KINDS = np.array(["a", "b", ""], np.object_)[RANDOM.integers(0, 3, ROWS)]
FIELDS = pd.DataFrame({"x": NUMBERS[:, 0], "y": NUMBERS[:, 1], "kind": pd.Series(KINDS, dtype=object)})
LEVEL = np.nan_to_num(NUMBERS[:, 0]) + (KINDS == "a") + 0.3 * RANDOM.normal(size=ROWS)
TWO, THREE = (LEVEL > 0.5).astype(int), np.digitize(LEVEL, [0, 1])
UNSEEN = FIELDS.assign(kind="zebra")


def fitted(model: Any, truth: Array, fields: pd.DataFrame = FIELDS) -> Pipeline:
    is_tree = hasattr(model, "max_leaf_nodes")
    numbers = "passthrough" if is_tree else make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    parts = [("numbers", numbers, [0, 1]), ("kinds", categories, [2])]
    return make_pipeline(ColumnTransformer([one for one in parts if one[2][0] < fields.shape[1]]), model).fit(
        fields, truth
    )


@pytest.mark.parametrize(
    ("model", "truth", "answer"),
    [
        (HistGradientBoostingClassifier(max_iter=30), TWO, ("probabilities", (-1, 2))),
        (HistGradientBoostingClassifier(max_iter=20), THREE, ("probabilities", (-1, 3))),
        (HistGradientBoostingRegressor(max_iter=30), LEVEL * 1000, ("value", (-1, 1))),
        (LogisticRegression(), TWO, ("probabilities", (-1, 2))),
        (LogisticRegression(), THREE, ("probabilities", (-1, 3))),
        (Ridge(), LEVEL, ("value", (-1, 1))),
    ],
    ids=str,
)
def test_a_graph_answers_as_the_pipeline_does(
    tmp_path: Path, model: Any, truth: Array, answer: tuple[str, tuple[int, int]]
) -> None:
    pipeline = fitted(model, truth)
    graph = exported_table(pipeline, pd.concat([FIELDS, UNSEEN], ignore_index=True), tmp_path / "model.onnx")
    assert [(one.name, one.datatype, one.shape) for one in graph.inputs] == [
        ("numbers", "FP32", (-1, 2)),
        ("categories", "BYTES", (-1, 1)),
    ]
    assert [(one.name, one.shape) for one in graph.outputs] == [answer]
    assert max(graph.verification.batch_1, graph.verification.batch_n) < (1e-2 if truth.max() > 100 else 1e-5)
    assert graph.verification.inputs == 2 * ROWS


def test_a_number_at_a_threshold_falls_on_the_same_side(tmp_path: Path) -> None:
    fields = FIELDS[["x", "y"]]
    pipeline = fitted(HistGradientBoostingRegressor(max_iter=40, min_samples_leaf=1), LEVEL, fields)
    thresholds = np.concatenate([tree.nodes["num_threshold"] for (tree,) in pipeline[-1]._predictors])  # noqa: SLF001
    near = thresholds[np.isfinite(thresholds)].astype(np.float32)
    around = np.concatenate([near, np.nextafter(near, np.float32(9)), np.nextafter(near, np.float32(-9))])
    rows = pd.DataFrame({"x": around, "y": np.resize(around[::-1], len(around))})
    assert exported_table(pipeline, rows, tmp_path / "model.onnx").verification.batch_n < 1e-5


def test_of_categories_alone_a_graph_has_one_input(tmp_path: Path) -> None:
    fields = FIELDS[["kind"]]
    encoder = ColumnTransformer([("kinds", OneHotEncoder(handle_unknown="ignore", sparse_output=False), [0])])
    graph = exported_table(make_pipeline(encoder, LogisticRegression()).fit(fields, TWO), fields, tmp_path / "m.onnx")
    assert [one.name for one in graph.inputs] == ["categories"]


def test_a_graph_that_answers_otherwise_is_refused(tmp_path: Path) -> None:
    pipeline, path = fitted(LogisticRegression(), TWO), tmp_path / "model.onnx"
    exported_table(pipeline, FIELDS, path)
    model = onnx.load(path)
    linear = next(node for node in model.graph.node if node.op_type == "LinearClassifier")
    attribute = next(one for one in linear.attribute if one.name == "coefficients")
    attribute.floats[:] = [1.1 * each for each in attribute.floats]
    onnx.save(model, path)
    with pytest.raises(TrainingError, match="the graph differs from scikit-learn by"):
        proved(pipeline.predict_proba(FIELDS), FIELDS, path, "scikit-learn")


def test_what_skl2onnx_cannot_write_is_refused_in_a_sentence(tmp_path: Path) -> None:
    categories = [False, False, True]
    coded = FIELDS.assign(kind=(FIELDS.kind == "a").astype(np.float32))
    by_category = HistGradientBoostingClassifier(max_iter=5, categorical_features=categories).fit(coded, TWO)
    with pytest.raises(TrainingError):
        exported_table(make_pipeline(by_category), coded, tmp_path / "model.onnx")


def test_a_graph_keeps_nothing_that_it_does_not_need(tmp_path: Path) -> None:
    exported_table(fitted(HistGradientBoostingClassifier(max_iter=5), TWO), FIELDS, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    assert [one.name for one in model.graph.output] == ["probabilities"]
    assert all(numpy_helper.to_array(one).size < 100 for one in model.graph.initializer)
    session = ort.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert session.run(None, as_tensors(FIELDS[:0]))[0].shape == (0, 2)
