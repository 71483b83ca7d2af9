"""Some tens of ONNX's own tests of every kind, through the whole service."""

import asyncio
import warnings

from benchmarks.onnx_cases import BATCHED, FORMS, NEVER, TRIED, cases, try_all

NAMES = """
    add_bcast argmax_keepdims_example attention_4d_causal batchnorm_epsilon cumsum_1d compress_0
    dynamicquantizelinear einsum_batch_matmul expand_dim_changed gather_0 gru_defaults if lstm_defaults
    layer_normalization_2d_axis0 matmul_2d nonzero_example pow_bcast_array prelu_broadcast
    reduce_max_default_axes_keepdim_example reshape_negative_dim scan9_sum scatter_elements_with_axis shape slice
    softmax_axis_0 softmax_axis_1 string_split_basic strnorm_model_monday_casesensintive_nochangecase
    tfidfvectorizer_tf_uniandbigrams_skip5 top_k tril unique_sorted_with_axis where_example operator_mm Conv2d
    Linear
"""
KINDS = {f"test_{name}" for name in NAMES.split()}


def test_each_kind_is_added_loaded_and_answers_beside_strangers_as_onnx_runtime_does():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the package onnx, while it makes its own tests
        found = [case for case in cases() if case.name in KINDS]
    counts = asyncio.run(try_all(found, slow_s=60))
    assert {kind for form in FORMS for kind in NEVER if counts[form][kind]} == set()
    assert counts[FORMS[0]][TRIED] >= len(KINDS) - 2  # some need what is not on every machine
    assert counts[FORMS[1]][BATCHED] >= 7
