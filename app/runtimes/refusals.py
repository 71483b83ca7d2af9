"""Refusals of tensors by a runtime, told apart from faults of the runtime itself."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from app.runtimes.memory import is_out_of_memory
from app.tensors import GraphRefused

# ONNX Runtime: the operator, then its sentence, which a place in the runtime's source may precede.
FAILED_NODE = re.compile(r"while running (\w+) node\. Name:'[^']*' Status Message: ")
PLACE = re.compile(r"\S+\.(?:cc|h|cpp|cu|cuh|hpp):\d+ ")
CONDITION = re.compile(r"^.*? was false\. ")
CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : \w+ : ")

# The device or its libraries are at fault, whatever the input was.
DEVICE_SIGNS = ("cuda", "cudnn", "cublas", "device-side")
MOST_READ, LONGEST = 10_000, 300  # characters: a graph may write a whole tensor into what it says


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a kernel raises about its input into GraphRefused; memory and device failures pass through."""
    try:
        yield
    except (MemoryError, GraphRefused):
        raise
    except Exception as error:
        text = str(error)
        if is_out_of_memory(error) or any(sign in text.lower() for sign in DEVICE_SIGNS):
            raise
        raise GraphRefused(sentence(text)) from error


def sentence(text: str) -> str:
    """Return what a runtime says, without codes, stack and places in its source: "Gather: indices element out of …"."""
    text = text[:MOST_READ]
    operators = FAILED_NODE.findall(text)
    text = CODE.sub("", FAILED_NODE.split(text)[-1])
    if PLACE.search(text):  # after the last place come a signature and the condition that did not hold
        text = CONDITION.sub("", PLACE.split(text)[-1])
    text = " ".join(text.splitlines()[0].split()) if text.strip() else "it failed without a word"
    return f"{operators[-1]}: {text:.{LONGEST}}" if operators else f"{text:.{LONGEST}}"
