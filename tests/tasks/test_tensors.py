import json

import numpy as np
import pytest
from pydantic import ValidationError

from app.errors import InferenceFailed, InvalidInput
from app.tasks.nested_lists import as_lists, from_lists
from app.tasks.tensors import RawTensors, RawTensorsConfig, RawTensorsParameters, TensorsInput, TensorsKernel
from app.tasks.view import predict_alone
from app.tensors import NUMPY_TYPES, Placement, TensorSpec

INTEGERS = [name for name, kind in NUMPY_TYPES.items() if kind.kind in "iu"]
FLOATS = [name for name, kind in NUMPY_TYPES.items() if kind.kind == "f"]


class FakeSession:
    """Answers `y`, what `function` makes of the input `x`, and remembers the shapes of x that it saw."""

    placement = Placement("cpu", "a test")

    def __init__(self, function=lambda x: x):
        self.function = function
        self.shapes = []

    def run(self, inputs):
        self.shapes.append(inputs["x"].shape)
        return {"y": self.function(inputs["x"])}


def task_of(*shape, datatype="FP32", batched=True, probe_size=1):
    outputs = [TensorSpec(name="y", datatype=datatype, shape=(-1,))]
    inputs = [TensorSpec(name="x", datatype=datatype, shape=shape)]
    return RawTensors(
        TensorsKernel(RawTensorsConfig(inputs=inputs, outputs=outputs, batched=batched, probe_size=probe_size), {})
    )


def row_of(task, **item):
    (row,) = task.preprocess(TensorsInput(item), RawTensorsParameters()).rows
    return row


def fault_of(task, **item) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        row_of(task, **item)
    return raised.value


def test_a_nested_list_becomes_a_row_without_the_batch_dimension():
    row = row_of(task_of(-1, 2, 3), x=[[1, 2, 3], [4, 5.5, 6]])
    assert row["x"].dtype == np.float32
    assert row["x"].tolist() == [[1, 2, 3], [4, 5.5, 6]]


def test_a_number_is_a_row_without_dimensions():
    assert row_of(task_of(-1, datatype="INT64"), x=3)["x"].shape == ()


def test_an_array_is_taken_as_it_is():
    array = np.ones((2, 3), np.float32)
    assert row_of(task_of(-1, 2, 3), x=array)["x"] is array


@pytest.mark.parametrize(
    ("shape", "value", "message"),
    [
        pytest.param([2, 3], [[1, 2, 3], [4, 5]], "ragged", id="ragged"),
        pytest.param([2, 2], [[1, 2], 3], "ragged", id="a number among lists"),
        pytest.param([2, 2], [3, [1, 2]], "ragged", id="a list among numbers"),
        pytest.param([2, 3], [1, 2, 3], "must have 2 dimensions, shape [2, 3]; it has 1, [3]", id="rank too small"),
        pytest.param([3], [[1], [2], [3]], "must have 1 dimensions", id="rank too large"),
        pytest.param([2, 3], [[1, 2], [3, 4]], "must have shape [2, 3]; it has [2, 2]", id="wrong size"),
        pytest.param([-1, 3], [[1, 2]], "must have shape [any, 3]; it has [1, 2]", id="wrong size beside a free one"),
        pytest.param([2], [], "must have shape [2]; it has [0]", id="nothing"),
        pytest.param([-1, 3], [[], []], "must have shape [any, 3]; it has [2, 0]", id="lists of nothing"),
        pytest.param([2], ["1", "2"], "must be FP32: numbers", id="text"),
        pytest.param([2], [True, False], "must be FP32: numbers", id="true is no number"),
        pytest.param([2], [1, None], "must be FP32: numbers", id="null"),
        pytest.param([2], {"a": 1}, "must be FP32: numbers", id="object"),
        pytest.param([1], [1e39], "1e+39, which is too large for FP32", id="too large"),
        pytest.param([1], [10**400], "too large for FP32", id="far too large"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_tensor_named(shape, value, message):
    error = fault_of(task_of(-1, *shape), x=value)
    assert message in str(error)
    assert error.details[0]["loc"] == ["x"]


@pytest.mark.parametrize(
    ("shape", "value", "found"),
    [
        pytest.param([-1], [], (0,), id="a vector"),
        pytest.param([-1, 4], [], (0, 4), id="a cache before the first step"),
        pytest.param([2, -1, 4], [[], []], (2, 0, 4), id="in the middle"),
        pytest.param([3, -1], [[], [], []], (3, 0), id="at the end"),
        pytest.param([0, 2], [], (0, 2), id="a size that is always 0"),
        pytest.param([-1, -1], [], (0, 0), id="nothing is known of what is in nothing"),
    ],
)
def test_a_tensor_without_elements_is_a_tensor(shape, value, found):
    assert row_of(task_of(-1, *shape), x=value)["x"].shape == found


@pytest.mark.parametrize("depth", [65, 100, 127])
def test_lists_nested_deeper_than_any_tensor_are_refused(depth):
    value: object = 1.0
    for _ in range(depth):
        value = [value]
    assert f"is nested {depth} deep" in str(fault_of(task_of(-1, -1), x=value))


def test_an_unknown_tensor_is_refused():
    error = fault_of(task_of(-1), x=1, z=2)
    assert error.details == [{"loc": ["z"], "msg": "the model has no such input; it has: x"}]


def test_a_missing_tensor_is_refused():
    assert fault_of(task_of(-1)).details == [{"loc": ["x"], "msg": "this input is missing"}]


def test_an_array_of_another_type_is_refused():
    assert "must be FP32, not an array of float64" in str(fault_of(task_of(-1, 2), x=np.ones(2)))


@pytest.mark.parametrize("datatype", INTEGERS)
def test_integers_must_be_in_the_range_of_their_type(datatype):
    limits = np.iinfo(NUMPY_TYPES[datatype].name)
    row = row_of(task_of(-1, 2, datatype=datatype), x=[int(limits.min), int(limits.max)])
    assert row["x"].tolist() == [limits.min, limits.max]
    for outside in (int(limits.min) - 1, int(limits.max) + 1):
        error = fault_of(task_of(-1, 2, datatype=datatype), x=[0, outside])
        assert f"holds {outside}, and {datatype} goes from {limits.min} to {limits.max}" in str(error)


@pytest.mark.parametrize("value", [1.0, 1.5, True, "1"], ids=str)
def test_only_integers_are_integers(value):
    assert "must be INT32: integers" in str(fault_of(task_of(-1, datatype="INT32"), x=value))


def test_only_booleans_are_booleans():
    assert row_of(task_of(-1, 2, datatype="BOOL"), x=[True, False])["x"].tolist() == [True, False]
    assert "must be BOOL: true or false; it holds 1" in str(fault_of(task_of(-1, 2, datatype="BOOL"), x=[True, 1]))


@pytest.mark.parametrize("value", ["grün", b"gr\xc3\xbcn"])
def test_texts_come_as_texts_or_as_arrays_of_utf8(value):
    given = value if isinstance(value, str) else np.array(value, np.object_)
    assert row_of(task_of(-1, datatype="BYTES"), x=given)["x"].tolist() == "grün"


@pytest.mark.parametrize("value", ["\ud800", np.array(b"\xff", np.object_), np.array(1, np.object_)])
def test_what_is_not_unicode_is_refused(value):
    assert "must be valid Unicode texts" in str(fault_of(task_of(-1, datatype="BYTES"), x=value))


@pytest.mark.parametrize("datatype", FLOATS)
def test_numbers_that_are_not_finite_are_written_as_texts_both_ways(datatype):
    written = ["NaN", "Infinity", "-Infinity", 0.5]
    array = from_lists(written, datatype)
    assert np.isnan(array[0])
    assert array[1:].tolist() == [np.inf, -np.inf, 0.5]
    assert as_lists(array) == written
    assert json.loads(json.dumps(as_lists(array), allow_nan=False)) == written


def test_python_s_own_not_finite_numbers_are_read():
    array = from_lists([float("nan"), float("inf")], "FP32")
    assert as_lists(array) == ["NaN", "Infinity"]


def test_other_texts_are_no_numbers():
    assert "it holds 'nan'" in str(fault_of(task_of(-1), x="nan"))


def test_an_output_in_json_has_no_null_for_a_number():
    session = FakeSession(lambda x: x * np.array([-np.inf, 0], np.float32))
    output = predict_alone(task_of(-1, 2), {"model": session}, TensorsInput({"x": [1, 1]}), RawTensorsParameters())
    assert output.model_dump_json() == '{"y":["-Infinity",0.0]}'


def test_rows_are_answered_as_one_batch_and_come_back_in_order():
    task, session = task_of(-1, 2), FakeSession(lambda x: x.sum(axis=1))
    rows = [row_of(task, x=[i, i]) for i in range(3)]
    assert [answer["y"].tolist() for answer in task.kernel.run({"model": session}, rows)] == [0, 2, 4]
    assert session.shapes == [(3, 2)]


def test_texts_and_booleans_come_back_as_such():
    task = task_of(-1, datatype="BYTES")
    output = predict_alone(task, {"model": FakeSession()}, TensorsInput({"x": "a"}), RawTensorsParameters())
    assert output.root == {"y": "a"}
    task = task_of(-1, 1, datatype="BOOL")
    output = predict_alone(task, {"model": FakeSession()}, TensorsInput({"x": [True]}), RawTensorsParameters())
    assert output.root == {"y": [True]}


def test_a_graph_that_loses_rows_has_failed():
    task = task_of(-1, 2)
    with pytest.raises(InferenceFailed):
        task.kernel.run({"model": FakeSession(lambda x: x[:1])}, [row_of(task, x=[1, 2])] * 2)


def test_rows_of_different_shapes_are_of_different_groups():
    task = task_of(-1, -1)
    short, long, other = (row_of(task, x=value) for value in ([1, 2], [1, 2, 3], [3, 4]))
    assert task.kernel.group(short) == task.kernel.group(other)
    assert task.kernel.group(short) != task.kernel.group(long)


@pytest.mark.parametrize(
    ("sizes", "length"), [((4, 4), 1), ((0, 4), 1), ((1, 2), 1), ((4, 5), 2), ((8, 8), 4), ((40, 40), 128)]
)
def test_a_row_is_as_long_as_it_is_larger_than_the_probe(sizes, length):
    task = task_of(-1, -1, -1, probe_size=4)
    assert task.kernel.length({"x": np.ones(sizes, np.float32)}) == length
    assert task.kernel.length(task.kernel.probe(1)) == 1


def test_a_graph_without_a_batch_dimension_reads_an_item_as_it_is():
    task, session = task_of(2, 3, batched=False), FakeSession(lambda x: x.sum())
    rows = [row_of(task, x=np.full((2, 3), i, np.float32)) for i in range(2)]
    assert [answer["y"].tolist() for answer in task.kernel.run({"model": session}, rows)] == [0, 6]
    assert session.shapes == [(2, 3), (2, 3)]


@pytest.mark.parametrize(
    ("datatype", "one"), [("FP16", 1.0), ("INT8", 1), ("BOOL", True), ("BYTES", "1")], ids=lambda value: str(value)
)
def test_the_probe_is_a_valid_row_of_ones(datatype, one):
    task = task_of(-1, 2, -1, datatype=datatype, probe_size=3)
    row = task.kernel.probe(1)
    assert row["x"].tolist() == [[one] * 3] * 2
    assert row_of(task, x=as_lists(row["x"]))["x"].tolist() == row["x"].tolist()


@pytest.mark.parametrize("shape", [(), (2, 3)], ids=["no dimensions", "a fixed first one"])
def test_a_batched_tensor_begins_with_a_varying_dimension(shape):
    tensor = TensorSpec(name="x", datatype="FP32", shape=shape)
    with pytest.raises(ValidationError, match="a batched tensor's begins with -1"):
        RawTensorsConfig(inputs=[tensor], outputs=[tensor], batched=True)
