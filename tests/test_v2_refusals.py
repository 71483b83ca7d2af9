"""A wrong request over V2 is refused in words that its client shows."""

import numpy as np
import pytest
import tritonclient.http as triton
from test_v2_clients import NUMBERS, X, client, given, served, wanted
from tritonclient.utils import InferenceServerException

__all__ = ["client", "served"]


MISFITS = [
    ("two", "x", X.astype(np.float64), "inputs.x: must be FP32, not float64"),
    ("two", "x", np.ones((1, 4), np.float32), r"inputs.x: must have shape \[-1, 3\].*it has \[1, 4\]"),
    ("two", "x", np.ones((0, 3), np.float32), r"inputs.x: is empty: its shape is \[0, 3\]"),
    ("two", "y", X, "inputs.y: the model has no such input; it has: x"),
    ("copied", "in_FP16", NUMBERS["FP16"], "this input is missing"),
    ("two", "x", np.ones((4097, 3), np.float32), "4097 rows, and a request may have 4096"),
    ("tiny-sentiment", "input_ids", np.ones((1, 17), np.int64), "attention_mask: this input is missing"),
]
"""A model, an input, its tensor, and what is said of it. They are refused alike over HTTP and gRPC."""


@pytest.mark.parametrize(("model", "name", "array", "says"), MISFITS)
def test_tensors_that_do_not_fit_the_model_are_refused_in_words(client, model, name, array, says):
    with pytest.raises(InferenceServerException, match=says) as raised:
        client.infer(model, [given(name, array)])
    assert raised.value.status() == ("413" if "4097" in says else "400")


BAD_TOKENS = [
    (np.ones((1, 17)), np.ones((1, 17)), "inputs.input_ids: has 17 tokens a row and the model reads at most 16"),
    (np.ones((1, 2)), np.ones((1, 3)), r"inputs.attention_mask: has shape \[1, 3\], and input_ids has \[1, 2\]"),
    (np.ones((1, 2)), np.ones((2, 2)), "the first dimension counts rows, and must be the same"),
    (np.array([[7]]), np.ones((1, 1)), "inputs.input_ids: holds 7, and the model knows 0 to 6"),
    (np.array([[-1]]), np.ones((1, 1)), "inputs.input_ids: holds -1"),
]


@pytest.mark.parametrize(("ids", "mask", "says"), BAD_TOKENS)
def test_texts_that_no_graph_could_read_are_refused_before_they_are_queued(client, ids, mask, says):
    tensors = {"input_ids": ids, "attention_mask": mask}
    with pytest.raises(InferenceServerException, match=says) as raised:
        client.infer("tiny-sentiment", [given(name, one.astype(np.int64)) for name, one in tensors.items()])
    assert raised.value.status() == "400"


UNKNOWN = [
    ({"model_name": "nobody"}, "no model 'nobody'", "404"),
    ({"model_name": "two", "model_version": "7"}, "no version 7 of model two", "404"),
    ({"model_name": "two", "model_version": "x"}, "a version is a positive whole number", "400"),
    ({"model_name": "two", "outputs": ["z"]}, "has no such output; it has: doubled, sum", "400"),
    ({"model_name": "two", "sequence_id": 5}, "sequence_id", "400"),
    ({"model_name": "two", "timeout": -1}, "parameters.timeout", "400"),
    ({"model_name": "two", "priority": -1}, "parameters.priority", "400"),
]


@pytest.mark.parametrize(("arguments", "says", "status"), UNKNOWN)
def test_an_unknown_model_version_or_output_is_named(client, arguments, says, status):
    outputs = {"outputs": list(map(wanted, arguments["outputs"]))} if "outputs" in arguments else {}
    with pytest.raises(InferenceServerException, match=says) as raised:
        client.infer(inputs=[given("x", X)], **{**arguments, **outputs})
    assert raised.value.status() == status


def test_shared_memory_is_refused(client):
    tensor = triton.InferInput("x", [2, 3], "FP32")
    tensor.set_shared_memory("region", 24)
    with pytest.raises(InferenceServerException, match=r"inputs\.0\.parameters\.shared_memory_region") as raised:
        client.infer("two", [tensor])
    assert raised.value.status() == "400"
