"""Requests that nobody sends who wants an answer: each as bad as we could make it, and as large as is read.

Long, since it is a table: one entry a request.
"""

import gzip
import json
import struct

from benchmarks.liveness.making import (
    ALIKE,
    CAT,
    FORM,
    JSON_BYTES,
    JSON_VALUES,
    LARGE,
    MB,
    MOST_NAMES_BYTES,
    NUMBERS_V2,
    OK,
    PHOTOS,
    PHOTOS_HF,
    REFUSED,
    SERIES,
    SUMMARY,
    TENSORS,
    TEXTS,
    TEXTS_V2,
    TEXTS_WHY,
    Case,
    article,
    chunked,
    field_part,
    file_part,
    filled,
    form,
    jpeg,
    names,
    plain,
    repeated,
    texts,
    v2,
    v2_binary,
)


def hostile() -> list[Case]:
    whole = 32 * MB - 1000
    deep = b'{"inputs":[' + b"[" * (JSON_VALUES - 100)
    unique = '"' + "é" * 4
    text_start, text_end = b'{"inputs":["', b'"]}'
    return [
        Case("32 MB of unknown names", SERIES, plain(lambda: names("", "", whole)), LARGE),
        Case("unknown names", TEXTS, plain(lambda: names("", "", MOST_NAMES_BYTES)), (413, 422)),
        Case("unknown names of an item", SERIES, plain(lambda: names('{"inputs":[', "]}", MOST_NAMES_BYTES)), REFUSED),
        Case(
            "unknown parameters",
            SERIES,
            plain(lambda: names('{"inputs":[[1,2,3]],"parameters":', "}", MOST_NAMES_BYTES)),
            REFUSED,
        ),
        Case("unknown names to explain", TEXTS_WHY, plain(lambda: names("", "", MOST_NAMES_BYTES)), REFUSED),
        Case(
            "unknown names, Hugging Face",
            PHOTOS_HF,
            plain(lambda: names('{"inputs":"",', "}", MOST_NAMES_BYTES).replace(b",{", b",", 1)[:-1]),
            REFUSED,
        ),
        Case(
            "unknown parameters, Hugging Face",
            PHOTOS_HF,
            plain(lambda: names('{"inputs":"","parameters":', "}", MOST_NAMES_BYTES)),
            REFUSED,
        ),
        Case(
            "unknown parameters, V2",
            NUMBERS_V2,
            plain(lambda: names('{"inputs":[],"parameters":', "}", MOST_NAMES_BYTES)),
            REFUSED,
        ),
        Case(
            "unknown parameters of a tensor",
            NUMBERS_V2,
            plain(
                lambda: names(
                    '{"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1],"parameters":',
                    "}]}",
                    MOST_NAMES_BYTES,
                )
            ),
            OK,
        ),
        Case("unknown names of tensors", TENSORS, plain(lambda: names('{"inputs":[', "]}", MOST_NAMES_BYTES)), REFUSED),
        Case(
            "names that are all new",
            SERIES,
            plain(lambda: filled('{"inputs":[{', lambda i: f'{unique}{i:020}":0', "}]}", 4 * MB)),
            REFUSED,
        ),
        Case(
            "one name again and again",
            SERIES,
            plain(lambda: filled('{"inputs":[{', lambda i: '"values":0', "}]}", 1_200_000)),
            REFUSED,
        ),
        Case(
            "256 items of many faults",
            TEXTS,
            plain(lambda: filled('{"inputs":[', lambda i: names("", "", 15_000).decode(), "]}", 1_900_000)),
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
            plain(lambda: b'{"inputs":[[' + b",".join([b'{"a":0}'] * 99_000) + b"]]}"),
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
            LARGE,
        ),
        Case(
            "a text as long as it may be",
            TEXTS_V2,
            v2_binary(
                v2("BYTES", [1, 1], size=9_960_000), struct.pack("<I", 9_959_996) + b"\xf0\x9f\x98\x80" * 2_489_999
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
        Case("unknown names, and gone", SERIES, plain(lambda: names("", "", MOST_NAMES_BYTES)), (), 0.0),
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
