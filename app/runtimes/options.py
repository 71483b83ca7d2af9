"""The options that a runtime may be given."""

from dataclasses import dataclass
from typing import Literal

Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class RuntimeOptions:
    """`device`: "auto" takes the GPU if one can be used. `threads`: of one operator on the CPU.
    `precision`: what a PyTorch program computes in; an ONNX graph has its own."""

    device: Device = "auto"
    threads: int = 1
    precision: str = "fp32"
