"""python -m benchmarks.chaos.mortal serve: the service, with graphs whose inputs can end the thread that computes them.

No graph does that by itself. A kernel that crashes takes the process, and everything else is an error; so the model
named `mortal` gets a session that exits its thread when an input is DEADLY, as a bug in a library might.
"""

import sys
from pathlib import Path
from typing import Any

from app.__main__ import main
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tensors import Tensors
from benchmarks.chaos.models import DEADLY


class Mortal:
    """A session that ends its thread on an input that is DEADLY."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.placement, self.trimmed = session.placement, session.trimmed

    def run(self, inputs: Tensors) -> Tensors:
        if any((array >= DEADLY).any() for array in inputs.values()):
            raise SystemExit("a deadly input")
        return dict(self._session.run(inputs))


def _opened(path: Path, options: RuntimeOptions) -> Any:
    session = open_onnx(path, options)
    return Mortal(session) if "/mortal/" in str(path) else session


if __name__ == "__main__":
    open_onnx = RUNTIMES["onnx"]
    RUNTIMES["onnx"] = _opened
    sys.exit(main())
