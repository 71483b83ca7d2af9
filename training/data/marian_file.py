"""Weights out of a model file of Marian, the program behind Bergamot's translators.

https://github.com/marian-nmt/marian-dev/blob/master/src/common/binary.cpp
"""

import math
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from app.tensors import Array, Tensors
from training.data.binary_file import BinaryFile
from training.errors import TrainingError

VERSION = 1
FLOAT32, INT8 = 0x404, 0x4101  # types of weights; the second is intgemm's: codes, and one multiplier after them
MULTIPLIER = struct.Struct("<f")
EMBEDDING = "Wemb"  # stored in the order of its shape; every other matrix of codes is stored transposed
TEXTS = "special:"  # begins the names of texts among the weights


def read_marian(path: Path) -> Tensors:
    """Return the weights by name, fp32: matrices as [inputs, outputs], the embedding as [vocabulary, width].

    Raises TrainingError if the file is not one that Marian writes, or is cut short.
    """
    source = BinaryFile(path)
    version, count = source.numbers("Q", 2)
    if version != VERSION:
        raise TrainingError(f"{path} states version {version} of Marian's format; only version {VERSION} can be read")
    entries = _entries(source, count)
    source.take(source.number("Q"))  # padding
    contents = [source.take(entry.num_bytes) for entry in entries]
    return {
        entry.name: _weight(path, entry, content)
        for entry, content in zip(entries, contents, strict=True)
        if not entry.name.startswith(TEXTS)
    }


class _Entry(NamedTuple):
    name: str
    kind: int
    shape: tuple[int, ...]
    num_bytes: int


def _entries(source: BinaryFile, count: int) -> list[_Entry]:
    numbers = iter(source.numbers("Q", 4 * count))
    headers = list(zip(numbers, numbers, numbers, numbers, strict=True))  # name length, type, dimensions, bytes
    names = [source.name(length) for length, _, _, _ in headers]
    shapes = [source.numbers("i", dimensions) for _, _, dimensions, _ in headers]
    return [
        _Entry(name, kind, shape, num_bytes)
        for name, shape, (_, kind, _, num_bytes) in zip(names, shapes, headers, strict=True)
    ]


def _weight(path: Path, entry: _Entry, content: memoryview) -> Array:
    name, kind, shape, num_bytes = entry
    if kind not in (FLOAT32, INT8):
        raise TrainingError(f"{path} holds {name} in type {kind:#x}; only fp32 and intgemm's int8 can be read")
    size = math.prod(shape)
    needed = 4 * size if kind == FLOAT32 else size + MULTIPLIER.size
    if min(shape, default=0) < 1 or needed > num_bytes:
        raise TrainingError(f"{path} holds {name} of shape {shape} in {num_bytes} bytes, which do not fit one another")
    if kind == FLOAT32:
        return np.frombuffer(content, "<f4", size).reshape(shape).astype(np.float32)
    (multiplier,) = MULTIPLIER.unpack_from(content, size)
    if len(shape) != 2 or not 0 < multiplier < math.inf:
        raise TrainingError(f"{path} holds {name} in 8 bits, of shape {shape} and with the multiplier {multiplier:g}")
    codes = np.frombuffer(content, np.int8, size)
    matrix = codes.reshape(shape) if name == EMBEDDING else codes.reshape(shape[::-1]).T
    return matrix.astype(np.float32) / np.float32(multiplier)
