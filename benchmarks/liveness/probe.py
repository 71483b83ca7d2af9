"""The time /health/live takes to answer, asked again and again by a process of its own.

    python -m benchmarks.liveness.probe PORT

Writes a line for each answer: when it was asked, in seconds of the monotonic clock, and the seconds until it came.
"""

import socket
import sys
import time

REST_S = 0.005
PATIENCE_S = 120.0
REQUEST = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


def probe(port: int) -> None:
    """Ask until standard output is closed; every tenth time over a new connection, as probes do."""
    number, connection = 0, _connected(port)
    while True:
        began = time.monotonic()
        if number % 10 == 0:
            connection.close()
            connection = _connected(port)
        connection.sendall(REQUEST)
        status = _status(connection)
        if status != 200:
            raise RuntimeError(f"/health/live answered {status}")
        print(began, time.monotonic() - began, flush=True)
        number += 1
        time.sleep(REST_S)


def _connected(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _status(connection: socket.socket) -> int:
    """Read one answer, which has a length and no more than some kilobytes."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += _received(connection)
    head, _, body = read.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += _received(connection)
    return int(head.split(b" ", 2)[1])


def _received(connection: socket.socket) -> bytes:
    read = connection.recv(65_536)
    if not read:
        raise RuntimeError("the service closed the connection of the probe")
    return read


if __name__ == "__main__":
    try:
        probe(int(sys.argv[1]))
    except BrokenPipeError:
        sys.stderr.close()
