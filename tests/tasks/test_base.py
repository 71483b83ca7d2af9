"""Tasks: a kernel and its views, of which the first gives the task its name."""

import pytest
from pydantic import ValidationError

from app.tasks import TASKS
from app.tasks.tensors import RawTensors, TensorsKernel

CONFIG = {
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1]}],
    "outputs": [{"name": "y", "datatype": "FP32", "shape": [-1]}],
    "batched": True,
}


def test_a_task_is_named_by_its_own_view():
    assert all(name == task.name == next(iter(task.contracts)) for name, task in TASKS.items())


def test_a_model_has_one_kernel_and_all_its_views_share_it():
    task = TASKS["tensors"]
    kernel = task.open(CONFIG, {})
    (view,) = task.views(kernel)
    assert isinstance(kernel, TensorsKernel)
    assert isinstance(view, RawTensors)
    assert view.kernel is task.own(kernel).kernel is kernel


def test_what_the_manifest_must_tell_is_asked_of_the_kernel():
    with pytest.raises(ValidationError, match="batched"):
        TASKS["tensors"].open({**CONFIG, "batched": None}, {})
    with pytest.raises(KeyError, match=r"example\.npz"):
        TASKS["tensors"].open({**CONFIG, "probe": "example"}, {})
