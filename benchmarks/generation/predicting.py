"""Predictions of another model of our service, as a caller beside the writing sees them."""

import asyncio
from time import perf_counter

from benchmarks.load import quantile

MODEL = "reviews-sentiment"
TEXT = b"it 's a charming and often affecting journey through the eyes of a child that never quite loses its way"
PAUSE_S = 0.02  # between an answer and the next text


async def predicting(port: int, number: int) -> dict[str, float]:
    """Milliseconds of `number` predictions, one after the other. Raises OSError if one is not answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b'{"inputs": ["%b"]}' % TEXT
    head = b"POST /v1/models/%b/predict HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\n" % MODEL.encode()
    message = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    seconds = []
    try:
        for i in range(number + 1):
            began = perf_counter()
            writer.write(message)
            headers = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(headers.split(b"content-length:")[1].split(b"\r\n")[0])
            answer = await reader.readexactly(length)
            if b" 200 " not in headers.split(b"\r\n")[0]:
                raise OSError(f"{MODEL} answers {answer[:200]!r}")
            if i:  # the first one is to warm up
                seconds.append(perf_counter() - began)
            await asyncio.sleep(PAUSE_S)
    finally:
        writer.close()
    return {name: quantile(seconds, share) or 0.0 for name, share in (("p50_ms", 0.5), ("p99_ms", 0.99))}
