"""A prototype: what it costs to hand a row from a front process to one that computes, and its answer back.

    python -m benchmarks.on_paper.handover

Three ways over a Unix socket with length-prefixed messages: rows pickled (protocol 5), the bytes of the arrays behind
a short head, and arrays in slots of shared memory, where the socket carries only heads and wakes the other side. The
other process answers with two numbers for each row, those of one read together, as answers of a batch come together.
"""

import asyncio
import json
import os
import pickle
import socket
import struct
import time
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from typing import Any, cast

import numpy as np
import uvloop

from app.tensors import Tensors

LENGTH = struct.Struct("<I")
HEAD = struct.Struct("<IdB")  # the number of the row, the seconds it has, the number of its arrays
ARRAY = struct.Struct("<16s3sB4I")  # name, type, dimensions
ANSWER = struct.Struct("<Iff")
SLOTS, SLOT_BYTES = 128, 1 << 18
WAYS = ("pickle", "bytes", "shared memory")
ALONE, MANY, ROUNDS = 1, 64, {"text": 6000, "photo": 3000}

Read = Callable[[bytes | memoryview], tuple[int, Tensors]]
Write = Callable[[int, Tensors], bytes]


def rows() -> dict[str, Tensors]:
    return {
        "text": {"input_ids": np.arange(1000, 1024), "attention_mask": np.ones(24, np.int64)},
        "photo": {"image": np.random.default_rng(0).integers(0, 255, (240, 240, 3), np.uint8)},
    }


def _described(number: int, row: Tensors) -> list[bytes]:
    parts = [HEAD.pack(number, 30.0, len(row))]
    for name, array in row.items():
        shape = (*array.shape, *(0,) * (4 - array.ndim))
        parts.append(ARRAY.pack(name.encode(), array.dtype.str[1:].encode(), array.ndim, *shape))
    return parts


def _with_bytes(number: int, row: Tensors) -> bytes:
    return b"".join([*_described(number, row), *(array.tobytes() for array in row.values())])


def _of_bytes(message: bytes | memoryview, content: memoryview | None = None) -> tuple[int, Tensors]:
    number, _, count = HEAD.unpack_from(message)
    at, row = HEAD.size, {}
    offset = 0 if content is not None else HEAD.size + count * ARRAY.size
    source = message if content is None else content
    for _ in range(count):
        name, kind, dimensions, *shape = ARRAY.unpack_from(message, at)
        at += ARRAY.size
        dtype = np.dtype("<" + kind.rstrip(b"\0").decode() if kind != b"u1\0" else "u1")
        size = int(np.prod(shape[:dimensions]))
        array = np.frombuffer(source, dtype, size, offset).reshape(shape[:dimensions])
        offset += array.nbytes
        row[name.rstrip(b"\0").decode()] = array
    return number, row


def _pickled(number: int, row: Tensors) -> bytes:
    return pickle.dumps((number, 30.0, "", "", row), protocol=5)


def _unpickled(message: bytes | memoryview) -> tuple[int, Tensors]:
    number, _, _, _, row = pickle.loads(message)  # of our own other process
    return number, row


def ways(shared: SharedMemory) -> dict[str, tuple[Write, Read]]:
    memory = shared.buf
    assert memory is not None

    def slot(number: int) -> memoryview:
        at = number % SLOTS * SLOT_BYTES
        return memory[at : at + SLOT_BYTES]

    def to_slot(number: int, row: Tensors) -> bytes:
        place, at = slot(number), 0
        for array in row.values():
            np.frombuffer(place, array.dtype, array.size, at)[:] = array.ravel()
            at += array.nbytes
        return b"".join(_described(number, row))

    def from_slot(message: bytes | memoryview) -> tuple[int, Tensors]:
        (number,) = struct.unpack_from("<I", message)
        number, row = _of_bytes(message, slot(number))
        return number, {name: array.copy() for name, array in row.items()}  # the slot is free again at once

    return {
        "pickle": (_pickled, _unpickled),
        "bytes": (_with_bytes, _of_bytes),
        "shared memory": (to_slot, from_slot),
    }


class Messages(asyncio.Protocol):
    """Calls `told` with all messages that one read has brought."""

    def __init__(self, told: Callable[["Messages", list[memoryview]], None]) -> None:
        self._told = told
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.WriteTransport", transport)  # uvloop's is none by its class

    def data_received(self, data: bytes) -> None:
        content = memoryview(self._rest + data if self._rest else data)
        at, found = 0, []
        while len(content) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(content, at)
            if len(content) - at - LENGTH.size < length:
                break
            found.append(content[at + LENGTH.size : at + LENGTH.size + length])
            at += LENGTH.size + length
        self._rest = bytes(content[at:])
        if found:
            self._told(self, found)

    def connection_lost(self, error: Exception | None) -> None:
        asyncio.get_running_loop().stop()


def _framed(message: bytes) -> bytes:
    return LENGTH.pack(len(message)) + message


def _compute(end: socket.socket, read: Read, result: socket.socket) -> None:
    """The other process: reads rows, answers, and tells its processor time when the socket closes."""

    def told(one: Messages, messages: list[memoryview]) -> None:
        answers = []
        for message in messages:
            number, _ = read(message)
            answers.append(_framed(ANSWER.pack(number, 0.1, 0.9)))
        one.transport.write(b"".join(answers))

    loop = uvloop.new_event_loop()
    loop.run_until_complete(loop.create_unix_connection(lambda: Messages(told), sock=end))
    began = time.thread_time()
    loop.run_forever()
    result.sendall(struct.pack("<d", time.thread_time() - began))


def _front(end: socket.socket, write: Write, row: Tensors, together: int, number: int) -> float:
    """Ask `number` times, `together` at a time; return the processor time of it."""
    loop = uvloop.new_event_loop()
    asked = answered = 0

    def told(one: Messages, messages: list[memoryview]) -> None:
        nonlocal asked, answered
        for message in messages:
            ANSWER.unpack_from(message)
            answered += 1
            if asked < number:
                one.transport.write(_framed(write(asked, row)))
                asked += 1
        if answered == number:
            loop.stop()

    _, protocol = loop.run_until_complete(loop.create_unix_connection(lambda: Messages(told), sock=end))
    began = time.thread_time()
    for _ in range(together):
        protocol.transport.write(_framed(write(asked, row)))
        asked += 1
    loop.run_forever()
    took = time.thread_time() - began
    protocol.transport.abort()
    loop.run_forever()  # until the connection is lost, which stops it
    loop.close()
    end.close()
    return took


def handed_over(way: str, row: Tensors, together: int, number: int) -> dict[str, float]:
    """Milliseconds of the front process and of the one that computes, for each row."""
    shared = SharedMemory(create=True, size=SLOTS * SLOT_BYTES)
    (front, compute), (result, told) = socket.socketpair(), socket.socketpair()
    try:
        write, read = ways(shared)[way]
        if (child := os.fork()) == 0:
            try:
                front.close()
                _compute(compute, read, told)
            finally:
                os._exit(0)
        compute.close()
        front_s = _front(front, write, row, together, number)
        result.settimeout(30)
        (compute_s,) = struct.unpack("<d", result.recv(8))
        os.waitpid(child, 0)
    finally:
        for one in (front, result, told):
            one.close()
        del write, read
        shared.close()
        shared.unlink()
    return {"front_ms": round(1000 * front_s / number, 4), "compute_ms": round(1000 * compute_s / number, 4)}


def handovers() -> dict[str, Any]:
    return {
        kind: {
            way: {name: handed_over(way, row, together, ROUNDS[kind]) for name, together in _LOADS.items()}
            for way in WAYS
        }
        for kind, row in rows().items()
    }


_LOADS = {"alone": ALONE, "many": MANY}

if __name__ == "__main__":
    print(json.dumps(handovers(), indent=1))
