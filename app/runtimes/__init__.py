"""The table of runtimes: each loads one artifact format."""

from collections.abc import Callable
from pathlib import Path

from app.runtimes.onnx import load_onnx
from app.runtimes.onnx_program import OnnxProgram
from app.runtimes.options import RuntimeOptions
from app.runtimes.program import Program
from app.runtimes.pytorch import load_pytorch
from app.runtimes.pytorch_program import PytorchProgram
from app.tensors import Session

RUNTIMES: dict[str, Callable[[Path, RuntimeOptions], Session]] = {"onnx": load_onnx, "pytorch": load_pytorch}

PROGRAMS: dict[str, Callable[[Path], Program]] = {"onnx": OnnxProgram, "pytorch": PytorchProgram}
"""Their graphs, operator by operator."""
