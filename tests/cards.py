"""Marks of tests that need a card; `pytest -m gpu` runs them, and so does `python -m benchmarks.gpu`."""

from collections.abc import Callable, Iterable
from typing import Any

import onnxruntime
import pytest
import torch

BY_TORCH = (
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a card, and a torch with CUDA"),
)
BY_ONNX = (
    pytest.mark.gpu,
    pytest.mark.skipif(
        "CUDAExecutionProvider" not in onnxruntime.get_available_providers(),
        reason="needs a card, and an onnxruntime with CUDA",
    ),
)


def all_of(marks: Iterable[Any]) -> Callable[[Any], Any]:
    """A decorator that puts all these marks on a test."""

    def marked(test: Any) -> Any:
        for mark in marks:
            test = mark(test)
        return test

    return marked
