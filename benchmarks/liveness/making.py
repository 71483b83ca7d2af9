"""The parts of requests: routes, forms of bodies, and texts and pictures of any size."""

import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.liveness.own import BYTES, NUMBERS

MB = 1_000_000
JSON_BYTES, JSON_VALUES = 10 * MB, 500_000  # the limits of JSON, as they are by default
MOST_NAMES_BYTES = 1_320_000  # of names, each of which counts three times, and small values
CAT = Path("app/tasks/cat.jpg")

TEXTS = "/v1/models/reviews-sentiment/predict"
TEXTS_WHY = "/v1/models/reviews-sentiment/explain"
SUMMARY = "/v1/models/article-summarizer/predict"
SUMMARY_WHY = "/v1/models/article-summarizer/explain"
VECTORS = "/hf/models/article-summarizer/pipeline/feature-extraction"
ALIKE = "/hf/models/article-summarizer/pipeline/sentence-similarity"
FILMS = "/v1/models/movielens-recommender/predict"
FILMS_WHY = "/v1/models/movielens-recommender/explain"
PHOTOS = "/v1/models/imagenet-efficientnet/predict"
PHOTOS_WHY = "/v1/models/imagenet-efficientnet/explain"
PHOTOS_HF = "/hf/models/imagenet-efficientnet"
SERIES = "/v1/models/time-series-forecaster/predict"
PAINTED = "/v1/models/fashion-vae/predict"
TENSORS = f"/v1/models/{NUMBERS}/predict"
NUMBERS_V2 = f"/v2/models/{NUMBERS}/infer"
TEXTS_V2 = f"/v2/models/{BYTES}/infer"
PHOTOS_V2 = "/v2/models/imagenet-efficientnet/infer"
TOKENS_V2 = "/v2/models/reviews-sentiment/infer"

Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Case:
    """A request and what it may be answered; `sent` gives headers and body, in pieces as they go onto the wire.

    `hangs_up_s` after the last byte the client closes the connection. `decoded_bytes` are what its pictures take while
    they are decoded, which the service counts and bounds by itself.
    """

    name: str
    path: str
    sent: Callable[[], tuple[Headers, list[bytes]]]
    statuses: tuple[int, ...] = (200,)
    hangs_up_s: float | None = None
    decoded_bytes: int = 0


OK, REFUSED, LARGE = (200,), (400, 422), (413,)


def plain(body: Callable[[], bytes], **headers: str) -> Callable[[], tuple[Headers, list[bytes]]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def sent() -> tuple[Headers, list[bytes]]:
        content = body()
        return {"Content-Type": "application/json", **named, "Content-Length": str(len(content))}, [content]

    return sent


def chunked(body: Callable[[], bytes], size: int) -> Callable[[], tuple[Headers, list[bytes]]]:
    def sent() -> tuple[Headers, list[bytes]]:
        content = body()
        chunks = [
            b"%x\r\n%b\r\n" % (len(chunk), chunk)
            for chunk in (content[start : start + size] for start in range(0, len(content), size))
        ]
        return {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}, [b"".join(chunks), b"0\r\n\r\n"]

    return sent


def filled(start: str, piece: Callable[[int], str], end: str, size: int, separator: str = ",") -> bytes:
    """`start`, as many pieces as fit into `size` bytes, `end`."""
    pieces, length = [], len(start.encode()) + len(end.encode())
    for i in range(size):
        one = piece(i)
        length += len(one.encode()) + len(separator)
        if length > size:
            break
        pieces.append(one)
    return (start + separator.join(pieces) + end).encode()


def repeated(start: bytes, piece: bytes, end: bytes, size: int, count: int | None = None) -> bytes:
    times = (size - len(start) - len(end)) // len(piece) if count is None else count
    return start + piece * times + end


def names(start: str, end: str, size: int) -> bytes:
    """An object of ever new names."""
    return filled(start + "{", lambda i: f'"k{i}":0', "}" + end, size)


@cache
def review(characters: int) -> str:
    words = Path("README.md").read_text().split()
    rng = np.random.default_rng(0)
    text = " ".join(words[i] for i in rng.integers(0, len(words), characters // 3).tolist())
    return text[:characters]


@cache
def article(characters: int) -> str:
    words = [word.strip(".,:;") for word in Path("README.md").read_text().split() if word.isascii() and word.isalpha()]
    rng = np.random.default_rng(0)
    sentences = []
    for length in rng.integers(6, 24, characters // 60).tolist():
        sentence = " ".join(words[i] for i in rng.integers(0, len(words), length).tolist())
        sentences.append(sentence.capitalize() + ".")
    return " ".join(sentences)[:characters]


@cache
def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.effect_mandelbrot((width, height), (-3, -2.5, 2, 2.5), 20).convert("RGB").save(file, "PNG", compress_level=1)
    return file.getvalue()


@cache
def jpeg(size: int) -> bytes:
    """A photo of about `size` bytes: that of the cat, larger, with noise."""
    side = int((size / 0.75) ** 0.5)
    pixels = np.asarray(Image.open(CAT).convert("RGB").resize((side, side)), np.int16)
    noise = np.random.default_rng(0).integers(-40, 40, pixels.shape)
    file = io.BytesIO()
    Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


def form(parts: Iterator[bytes], end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(parts) + end


def file_part(content: bytes) -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="f"; filename="1"\r\n\r\n' + content + b"\r\n"


def field_part(name: bytes, content: bytes) -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + content + b"\r\n"


FORM = "multipart/form-data; boundary=x"


def v2(datatype: str, shape: list[int], data: str | None = None, size: int = 0, **more: object) -> bytes:
    """The JSON of a request with one tensor `x`: `data` is JSON; without it, `size` bytes follow."""
    tensor = f'{{"name":"x","datatype":"{datatype}","shape":{shape},'
    tensor += f'"data":{data}}}' if data is not None else f'"parameters":{{"binary_data_size":{size}}}}}'
    beside = "".join(f',"{name}":{json.dumps(value)}' for name, value in more.items())
    return f'{{"inputs":[{tensor}]{beside}}}'.encode()


def v2_binary(head: bytes, content: bytes, **headers: str) -> Callable[[], tuple[Headers, list[bytes]]]:
    def sent() -> tuple[Headers, list[bytes]]:
        size = len(head) + len(content)
        return {"Inference-Header-Content-Length": str(len(head)), "Content-Length": str(size), **headers}, [
            head,
            content,
        ]

    return sent


def floats(count: int) -> str:
    return "[" + ",".join(map(repr, np.random.default_rng(0).random(count).round(12).tolist())) + "]"


def rows_of_integers(rows: int, columns: int) -> str:
    return "[" + ",".join(["[" + ",".join(["200"] * columns) + "]"] * rows) + "]"


def texts(count: int, characters: int, **parameters: object) -> bytes:
    one = review(characters)
    return json.dumps({"inputs": [one] * count, **({"parameters": parameters} if parameters else {})}).encode()


def photos(count: int, size: int) -> bytes:
    return json.dumps({"inputs": [base64.b64encode(jpeg(size)).decode()] * count}).encode()


def v2_tokens(rows: int, columns: int) -> Callable[[], tuple[Headers, list[bytes]]]:
    size = rows * columns * 8
    tensors = ",".join(
        f'{{"name":"{name}","datatype":"INT64","shape":[{rows},{columns}],"parameters":{{"binary_data_size":{size}}}}}'
        for name in ("input_ids", "attention_mask")
    )
    return v2_binary(f'{{"inputs":[{tensors}]}}'.encode(), np.ones(rows * columns * 2, np.int64).tobytes())
