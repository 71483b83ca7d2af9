"""Requests as clients may send them: each as large as the limits allow."""

import base64
import json
import struct

import numpy as np

from app.tasks.images import BYTES_OF_A_PIXEL
from benchmarks.liveness.making import (
    ALIKE,
    FILMS,
    FILMS_WHY,
    FORM,
    JSON_VALUES,
    LARGE,
    NUMBERS_V2,
    PAINTED,
    PHOTOS,
    PHOTOS_HF,
    PHOTOS_V2,
    PHOTOS_WHY,
    REFUSED,
    SERIES,
    SUMMARY,
    SUMMARY_WHY,
    TENSORS,
    TEXTS,
    TEXTS_V2,
    TEXTS_WHY,
    TOKENS_V2,
    VECTORS,
    Case,
    article,
    file_part,
    floats,
    form,
    jpeg,
    photos,
    plain,
    png,
    rows_of_integers,
    texts,
    v2,
    v2_binary,
    v2_tokens,
)


def ordinary() -> list[Case]:
    """A full batch for every model, the largest tensor among them: what a graph allocates for one, it keeps."""
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
        Case(
            "reasons of photos",
            PHOTOS_WHY,
            plain(lambda: form(file_part(jpeg(110_000)) for _ in range(4)), Content_Type=FORM),
        ),
        Case("tensors", NUMBERS_V2, v2_binary(v2("FP32", [1990, 4000], size=31_840_000), bytes(31_840_000))),
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
        Case(
            "a photo of 49 megapixels",
            PHOTOS,
            plain(lambda: png(7000, 7000), Content_Type="image/png"),
            decoded_bytes=7000 * 7000 * BYTES_OF_A_PIXEL["PNG"],
        ),
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
