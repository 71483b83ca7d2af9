"""Lawful and hostile requests of every route, each as large as it may be, or as far beyond as is read."""

import base64
import gzip
import io
import json
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.liveness.own import BYTES, NUMBERS

MB = 1_000_000
JSON_BYTES, JSON_VALUES = 10 * MB, 500_000  # the limits of JSON, as they are by default
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

    `hangs_up_s` after the last byte the client closes the connection.
    """

    name: str
    path: str
    sent: Callable[[], tuple[Headers, list[bytes]]]
    statuses: tuple[int, ...] = (200,)
    hangs_up_s: float | None = None


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


def ordinary() -> list[Case]:
    """A full batch for every model: what a graph allocates for the first, it keeps for the next."""
    article_of = {"inputs": [article(100_000)], "parameters": {"truncate": True}}
    return [
        Case("texts", TEXTS, plain(lambda: texts(64, 3000, truncate=True))),
        Case("reasons", TEXTS_WHY, plain(lambda: texts(1, 600, truncate=True))),
        Case("an article", SUMMARY, plain(lambda: json.dumps(article_of).encode())),
        Case(
            "vectors", VECTORS, plain(lambda: json.dumps({"inputs": [article(3000)] * 64, "truncate": True}).encode())
        ),
        Case("histories", FILMS, plain(lambda: json.dumps({"inputs": [[50, 172]] * 64}).encode())),
        Case("photos", PHOTOS, plain(lambda: form(file_part(jpeg(110_000)) for _ in range(64)), Content_Type=FORM)),
        Case("reasons of a photo", PHOTOS_WHY, plain(lambda: jpeg(110_000), Content_Type="image/jpeg")),
        Case("series", SERIES, plain(lambda: f'{{"inputs":[{",".join([floats(100)] * 64)}]}}'.encode())),
        Case("pictures", PAINTED, plain(lambda: json.dumps({"inputs": [{"seed": 1}] * 64}).encode())),
        Case("tensors", NUMBERS_V2, plain(lambda: v2("FP32", [1, 10], floats(10)))),
    ]


def lawful() -> list[Case]:
    columns = 1000
    fp32 = np.random.default_rng(0).random((7990, columns)).astype(np.float32).tobytes()
    elements = JSON_VALUES - 100
    bytes_elements = struct.pack("<I", 8) + b"a text, "
    return [
        Case("256 long texts", TEXTS, plain(lambda: texts(256, 15_000, truncate=True))),
        Case("one text of 4 MB", TEXTS, plain(lambda: texts(1, 3_900_000, truncate=True))),
        Case("reasons of 16 texts", TEXTS_WHY, plain(lambda: texts(16, 1000, truncate=True)), (200, 429, 504)),
        Case(
            "a summary of a million characters",
            SUMMARY,
            plain(lambda: json.dumps({"inputs": [article(999_000)], "parameters": {"truncate": True}}).encode()),
        ),
        Case(
            "eight such, all in one request",
            SUMMARY,
            plain(lambda: json.dumps({"inputs": [article(990_000)] * 8, "parameters": {"truncate": True}}).encode()),
            (200, 413, 429, 504),
        ),
        Case(
            "reasons of a long summary",
            SUMMARY_WHY,
            plain(lambda: json.dumps({"inputs": [article(100_000)], "parameters": {"truncate": True}}).encode()),
            (200, 429, 504),
        ),
        Case(
            "256 vectors of long texts",
            VECTORS,
            plain(lambda: json.dumps({"inputs": [article(31_000)] * 256, "truncate": True}).encode()),
            (200, 429, 504),
        ),
        Case(
            "4,000 sentences compared",
            ALIKE,
            plain(
                lambda: json.dumps(
                    {"inputs": {"source_sentence": "A pool.", "sentences": [f"Word {i} is long." for i in range(4000)]}}
                ).encode()
            ),
            (200, 413, 429, 504),
        ),
        Case("256 histories", FILMS, plain(lambda: json.dumps({"inputs": [[50, 172] * 250] * 256}).encode())),
        Case(
            "titles that nobody knows",
            FILMS,
            plain(lambda: json.dumps({"inputs": [["Starwarz " * 8] * 5000] * 2}).encode()),
            REFUSED,
        ),
        Case(
            "reasons of 16 histories", FILMS_WHY, plain(lambda: json.dumps({"inputs": [[50, 172] * 25] * 16}).encode())
        ),
        Case(
            "256 photos with 1,000 labels each",
            PHOTOS + "?top_k=1000",
            plain(lambda: form(file_part(jpeg(110_000)) for _ in range(256)), Content_Type=FORM),
        ),
        Case("a photo of 49 megapixels", PHOTOS, plain(lambda: png(7000, 7000), Content_Type="image/png")),
        Case("photos in JSON", PHOTOS, plain(lambda: photos(64, 110_000))),
        Case(
            "one photo of 7 MB in JSON",
            PHOTOS_HF,
            plain(
                lambda: json.dumps(
                    {"inputs": base64.b64encode(jpeg(7_000_000)).decode(), "parameters": {"top_k": 5}}
                ).encode()
            ),
        ),
        Case(
            "reasons of 4 photos",
            PHOTOS_WHY,
            plain(lambda: form(file_part(jpeg(500_000)) for _ in range(4)), Content_Type=FORM),
            (200, 429, 504),
        ),
        Case(
            "50 series of 9,900 values",
            SERIES,
            plain(lambda: f'{{"inputs":[{",".join([floats(9_900)] * 50)}]}}'.encode()),
        ),
        Case("256 series", SERIES, plain(lambda: f'{{"inputs":[{",".join([floats(1_900)] * 256)}]}}'.encode())),
        Case(
            "256 painted pictures",
            PAINTED,
            plain(
                lambda: json.dumps({"inputs": [{"seed": i} for i in range(256)], "parameters": {"scale": 16}}).encode()
            ),
        ),
        Case(
            "half a million numbers as nested lists",
            TENSORS,
            plain(
                lambda: f'{{"inputs":[{{"x":{floats(columns - 2)}}}]}}'.replace(
                    "[{", "[" + ",".join([f'{{"x":{floats(columns - 2)}}}'] * 200) + ",{", 1
                ).encode()
            ),
            (200, 413),
        ),
        Case(
            "half a million numbers, flat",
            NUMBERS_V2,
            plain(lambda: v2("FP32", [elements // columns, columns], floats(elements // columns * columns))),
        ),
        Case(
            "half a million numbers, nested",
            NUMBERS_V2,
            plain(lambda: v2("FP32", [498, columns], rows_of_integers(498, columns))),
        ),
        Case(
            "two pictures as lists",
            PHOTOS_V2,
            plain(
                lambda: v2(
                    "UINT8", [2, 224, 224, 3], str(np.full((2, 224, 224, 3), 200).tolist()).replace(" ", "")
                ).replace(b'"x"', b'"image"')
            ),
        ),
        Case(
            "32 MB of numbers, in and out as bytes",
            NUMBERS_V2,
            v2_binary(
                v2("FP32", [1990, 4000], size=1990 * 16_000, parameters={"binary_data_output": True}),
                fp32[: 1990 * 16_000],
            ),
        ),
        Case(
            "32 MB of numbers, out as JSON",
            NUMBERS_V2,
            v2_binary(v2("FP32", [1990, 4000], size=1990 * 16_000), fp32[: 1990 * 16_000]),
        ),
        Case(
            "the same, compressed on the way",
            NUMBERS_V2,
            v2_binary(
                v2("FP32", [1990, 4000], size=1990 * 16_000), fp32[: 1990 * 16_000], **{"Accept-Encoding": "gzip"}
            ),
        ),
        Case(
            "all classes of 32 MB of numbers",
            NUMBERS_V2,
            v2_binary(
                v2(
                    "FP32",
                    [1990, 4000],
                    size=1990 * 16_000,
                    outputs=[{"name": "y", "parameters": {"classification": 4000}}],
                ),
                fp32[: 1990 * 16_000],
            ),
            LARGE,
        ),
        Case(
            "half a million texts as bytes",
            TEXTS_V2,
            v2_binary(v2("BYTES", [500, 1000], size=len(bytes_elements) * 500_000), bytes_elements * 500_000),
            (200, 413),
        ),
        Case("4,096 rows of tokens", TOKENS_V2, v2_tokens(4096, 128), (200, 429, 504)),
    ]


def v2_tokens(rows: int, columns: int) -> Callable[[], tuple[Headers, list[bytes]]]:
    size = rows * columns * 8
    tensors = ",".join(
        f'{{"name":"{name}","datatype":"INT64","shape":[{rows},{columns}],"parameters":{{"binary_data_size":{size}}}}}'
        for name in ("input_ids", "attention_mask")
    )
    return v2_binary(f'{{"inputs":[{tensors}]}}'.encode(), np.ones(rows * columns * 2, np.int64).tobytes())


def hostile() -> list[Case]:
    whole = 32 * MB - 1000
    deep = b'{"inputs":[' + b"[" * (JSON_VALUES - 100)
    unique = '"' + "é" * 4
    text_start, text_end = b'{"inputs":["', b'"]}'
    return [
        Case("32 MB of unknown names", SERIES, plain(lambda: names("", "", whole)), LARGE),
        Case("unknown names", TEXTS, plain(lambda: names("", "", 2_700_000)), (413, 422)),
        Case("unknown names of an item", SERIES, plain(lambda: names('{"inputs":[', "]}", 2_700_000)), REFUSED),
        Case(
            "unknown parameters",
            SERIES,
            plain(lambda: names('{"inputs":[[1,2,3]],"parameters":', "}", 2_700_000)),
            REFUSED,
        ),
        Case("unknown names to explain", TEXTS_WHY, plain(lambda: names("", "", 2_700_000)), REFUSED),
        Case(
            "unknown names, Hugging Face",
            PHOTOS_HF,
            plain(lambda: names('{"inputs":"",', "}", 2_700_000).replace(b",{", b",", 1)[:-1]),
            REFUSED,
        ),
        Case(
            "unknown parameters, Hugging Face",
            PHOTOS_HF,
            plain(lambda: names('{"inputs":"","parameters":', "}", 2_700_000)),
            REFUSED,
        ),
        Case(
            "unknown parameters, V2",
            NUMBERS_V2,
            plain(lambda: names('{"inputs":[],"parameters":', "}", 2_700_000)),
            REFUSED,
        ),
        Case(
            "unknown parameters of a tensor",
            NUMBERS_V2,
            plain(
                lambda: names(
                    '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1],"parameters":', "}]}", 2_700_000
                )
            ),
            OK,
        ),
        Case("unknown names of tensors", TENSORS, plain(lambda: names('{"inputs":[', "]}", 2_700_000)), REFUSED),
        Case(
            "names that are all new",
            SERIES,
            plain(lambda: filled('{"inputs":[{', lambda i: f'{unique}{i:020}":0', "}]}", 8 * MB)),
            REFUSED,
        ),
        Case(
            "one name again and again",
            SERIES,
            plain(lambda: filled('{"inputs":[{', lambda i: '"values":0', "}]}", 2_400_000)),
            REFUSED,
        ),
        Case(
            "256 items of many faults",
            TEXTS,
            plain(lambda: filled('{"inputs":[', lambda i: names("", "", 15_000).decode(), "]}", 3_800_000)),
            (413, 422),
        ),
        Case(
            "256 items of few faults",
            TEXTS,
            plain(lambda: b'{"inputs":[' + b",".join([b'{"a":1,"b":2,"c":3,"d":4,"e":5}'] * 256) + b"]}"),
            REFUSED,
        ),
        Case(
            "nulls instead of values",
            SERIES,
            plain(lambda: b'{"inputs":[' + b",".join([b"[" + b",".join([b"null"] * 1900) + b"]"] * 256) + b"]}"),
            REFUSED,
        ),
        Case(
            "nulls instead of sentences",
            ALIKE,
            plain(
                lambda: (
                    b'{"inputs":['
                    + b",".join([b'{"source_sentence":"a","sentences":[' + b",".join([b"null"] * 4000) + b"]}"] * 120)
                    + b"]}"
                )
            ),
            REFUSED,
        ),
        Case("empty lists", SERIES, plain(lambda: b'{"inputs":[' + b",".join([b"[]"] * 249_000) + b"]}"), LARGE),
        Case(
            "small objects",
            SERIES,
            plain(lambda: b'{"inputs":[[' + b",".join([b'{"a":0}'] * 166_000) + b"]]}"),
            REFUSED,
        ),
        Case(
            "small lists",
            NUMBERS_V2,
            plain(lambda: v2("FP32", [1, 1], "[" + ",".join(["[0]"] * 249_000) + "]")),
            REFUSED,
        ),
        Case("32 MB of empty lists", SERIES, plain(lambda: repeated(b'{"inputs":[', b"[],", b"[]]}", whole)), LARGE),
        Case("lists as deep as possible", SERIES, plain(lambda: deep), REFUSED),
        Case(
            "long integers",
            SERIES,
            plain(lambda: repeated(b'{"inputs":[[', b"9" * 4299 + b",", b"0]]}", JSON_BYTES)),
            REFUSED,
        ),
        Case(
            "long integers, V2",
            NUMBERS_V2,
            plain(
                lambda: repeated(
                    b'{"inputs":[{"name":"x","datatype":"INT64","shape":[1,2325],"data":[',
                    b"9" * 4299 + b",",
                    b"0]}]}",
                    JSON_BYTES,
                )
            ),
            REFUSED,
        ),
        Case(
            "one endless integer", SERIES, plain(lambda: repeated(b'{"inputs":[[', b"9", b"]]}", JSON_BYTES)), REFUSED
        ),
        Case(
            "numbers out of range",
            SERIES,
            plain(lambda: repeated(b'{"inputs":[[', b"1e400,", b"0]]}", 0, 490_000)),
            REFUSED,
        ),
        Case(
            "a text of escapes", SUMMARY, plain(lambda: repeated(text_start, b"\\u0041", text_end, 7_900_000)), REFUSED
        ),
        Case(
            "a text of line breaks", SUMMARY, plain(lambda: repeated(text_start, b"\\n", text_end, 7_900_000)), REFUSED
        ),
        Case(
            "a picture of surrogates",
            PHOTOS,
            plain(lambda: repeated(text_start, b"\\ud83d\\ude00", text_end, JSON_BYTES)),
            REFUSED,
        ),
        Case(
            "10 MB and an emoji",
            PHOTOS,
            plain(lambda: repeated(text_start, b"a", "😀".encode() + text_end, JSON_BYTES)),
            REFUSED,
        ),
        Case(
            "a tensor of one such text",
            TEXTS_V2,
            plain(lambda: v2("BYTES", [1, 1], '["' + "a" * 9_990_000 + '😀"]')),
            OK,
        ),
        Case(
            "half a surrogate pair at the end",
            PHOTOS,
            plain(lambda: repeated(text_start, b"\\n", b"\\ud800" + text_end, JSON_BYTES)),
            REFUSED,
        ),
        Case(
            "half a pair behind line breaks",
            NUMBERS_V2,
            plain(lambda: repeated(b'{"inputs":[', b"\n", b'"\\ud800"]}', JSON_BYTES)),
            REFUSED,
        ),
        Case(
            "half a pair behind many values",
            NUMBERS_V2,
            plain(lambda: repeated(b'{"inputs":[', b"{},", b'"\\ud800"]}', 0, 249_000)),
            REFUSED,
        ),
        Case("text that is no JSON", PHOTOS, plain(lambda: b"\\" * whole), LARGE),
        Case("blanks", PHOTOS_HF, plain(lambda: b" " * whole), LARGE),
        Case(
            "a form in punycode",
            PHOTOS,
            plain(lambda: form(iter([field_part(b"a", b"a-" * 499_000)])), Content_Type=FORM + "; charset=punycode"),
            REFUSED,
        ),
        Case(
            "a form of many parts",
            PHOTOS,
            plain(lambda: form(file_part(b"") for _ in range(400_000)), Content_Type=FORM),
            LARGE,
        ),
        Case(
            "a form of many fields",
            PHOTOS,
            plain(lambda: form(field_part(b"a%d" % i, b"1") for i in range(999)), Content_Type=FORM),
            REFUSED,
        ),
        Case(
            "a form of boundaries that are none",
            PHOTOS,
            plain(lambda: form(iter([file_part(b"\r\n--" * 7_900_000)])), Content_Type=FORM),
            REFUSED,
        ),
        Case(
            "a form of line breaks",
            PHOTOS,
            plain(lambda: form(iter([file_part(b"\r" * 31_000_000)])), Content_Type=FORM),
            REFUSED,
        ),
        Case(
            "a form with endless headers",
            PHOTOS,
            plain(lambda: form(iter([b"--x\r\n" + b"A: b\r\n" * 5_000_000 + b"\r\n"])), Content_Type=FORM),
            REFUSED,
        ),
        Case(
            "a form of quotes",
            PHOTOS,
            plain(
                lambda: form(
                    b'--x\r\nContent-Disposition: form-data; name="a"' + b';"' * 1900 + b"\r\n\r\n\r\n"
                    for _ in range(999)
                ),
                Content_Type=FORM,
            ),
            REFUSED,
        ),
        Case(
            "a form with a large parameter",
            PHOTOS,
            plain(
                lambda: form(iter([field_part(b"parameters", names("", "", 990_000)), file_part(b"")])),
                Content_Type=FORM,
            ),
            REFUSED,
        ),
        Case(
            "a form that was cut",
            PHOTOS,
            plain(lambda: form(iter([file_part(b"a" * 31_000_000)]), b""), Content_Type=FORM),
            REFUSED,
        ),
        Case("a form's type of 60 kB", PHOTOS, plain(lambda: b"--x--", Content_Type=FORM + ';"' * 30_000), REFUSED),
        Case(
            "a query of 60 kB",
            PHOTOS + "?" + "&".join(f"a{i}" for i in range(10_000)),
            plain(CAT.read_bytes, Content_Type="image/jpeg"),
            REFUSED,
        ),
        Case(
            "a query of 60 kB beside JSON",
            TEXTS + "?" + "&".join(f"a{i}" for i in range(10_000)),
            plain(lambda: b"{}"),
            REFUSED,
        ),
        Case(
            "cookies of 60 kB", TEXTS, plain(lambda: texts(1, 10), Cookie="; ".join(f"a{i}=1" for i in range(6000))), OK
        ),
        Case("8,000 headers", TEXTS, plain(lambda: texts(1, 10), **{f"a{i}": "" for i in range(6500)}), OK),
        Case("a path of 60 kB", "/v1/models/" + "%41" * 20_000 + "/predict", plain(lambda: b"{}"), (404,)),
        Case(
            "a version of 60 kB",
            "/v1/models/reviews-sentiment/versions/" + "1" * 60_000 + "/predict",
            plain(lambda: b"{}"),
            (422,),
        ),
        Case("chunks of one byte", TEXTS, chunked(lambda: texts(1, 900_000), 1), REFUSED),
        Case(
            "a bomb of zeros",
            NUMBERS_V2,
            plain(lambda: gzip.compress(bytes(4_000 * MB // 8)), Content_Encoding="gzip"),
            LARGE,
        ),
        Case(
            "32 MB of zeros in gzip",
            NUMBERS_V2,
            plain(lambda: gzip.compress(b" " * whole), Content_Encoding="gzip"),
            LARGE,
        ),
        Case(
            "8 million empty texts",
            TEXTS_V2,
            v2_binary(v2("BYTES", [7990, 1000], size=31_960_000), bytes(31_960_000)),
            LARGE,
        ),
        Case(
            "a text as long as the body",
            TEXTS_V2,
            v2_binary(
                v2("BYTES", [1, 1], size=31_960_000), struct.pack("<I", 31_959_996) + b"\xf0\x9f\x98\x80" * 7_989_999
            ),
            OK,
        ),
        Case("names instead of models, V2", "/v2/repository/index", plain(lambda: names("", "", 63_000)), OK),
        Case(
            "names to load, V2",
            "/v2/repository/models/nobody/load",
            plain(lambda: names('{"parameters":', "}", 63_000)),
            REFUSED,
        ),
        Case("32 MB to load", "/v2/repository/models/nobody/load", plain(lambda: bytes(whole)), LARGE),
        Case("32 MB to nobody", "/v1/models/nobody/predict", plain(lambda: bytes(whole)), (404,)),
        Case("unknown names, and gone", SERIES, plain(lambda: names("", "", 2_700_000)), (), 0.0),
        Case(
            "a long summary, and gone",
            SUMMARY,
            plain(lambda: json.dumps({"inputs": [article(990_000)] * 8, "parameters": {"truncate": True}}).encode()),
            (),
            0.5,
        ),
        Case(
            "numbers as JSON, and gone",
            NUMBERS_V2,
            v2_binary(v2("FP32", [1990, 4000], size=1990 * 16_000), bytes(1990 * 16_000)),
            (),
            1.0,
        ),
        Case(
            "photos, and gone",
            PHOTOS,
            plain(lambda: form(file_part(jpeg(110_000)) for _ in range(256)), Content_Type=FORM),
            (),
            0.5,
        ),
    ]
