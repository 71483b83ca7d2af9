"""Running out of memory, said the same way by every runtime."""

from collections.abc import Iterator
from contextlib import contextmanager

# How the libraries underneath say it, in lower case; none of them has an exception type of its own for all of these.
SIGNS = (
    "out of memory",  # CUDA, and PyTorch on it
    "failed to allocate memory",  # ONNX Runtime's arena
    "is smaller than requested bytes",  # ONNX Runtime's arena, at its limit
    "can't allocate memory",  # PyTorch on the CPU
    "alloc_failed",  # cuBLAS, cuDNN
    "bad_alloc",  # C++
    "bad allocation",
)


def is_out_of_memory(error: Exception) -> bool:
    return any(sign in str(error).lower() for sign in SIGNS)


@contextmanager
def memory_errors() -> Iterator[None]:
    """Any failed allocation inside becomes a MemoryError, so that the batcher can try a smaller batch."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(str(error)) from error
        raise
