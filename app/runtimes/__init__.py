"""How each artifact format is loaded: the table of runtimes."""

from collections.abc import Callable
from pathlib import Path

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.runtimes.pytorch import load_pytorch
from app.tensors import Session

RUNTIMES: dict[str, Callable[[Path, RuntimeOptions], Session]] = {"onnx": load_onnx, "pytorch": load_pytorch}
