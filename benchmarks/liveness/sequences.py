"""Requests to what hears and what translates: as large as the limits allow, and as bad as we could make them."""

import base64
import gzip
import io
import json
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import soundfile

from app.tasks.audio_input import FERRY
from app.tasks.speech.recording import RATE
from app.tasks.speech_recognition import BYTES_A_SECOND
from benchmarks.liveness.making import FORM, LARGE, MB, REFUSED, Case, article, field_part, file_part, form, plain

HEARS, TRANSLATES = "speech-recognizer", "translator-en-pt"
HEARD, HEARD_HF, HEARD_OPENAI = f"/v1/models/{HEARS}/predict", f"/hf/models/{HEARS}", "/v1/audio/transcriptions"
TRANSLATED, TRANSLATED_HF = f"/v1/models/{TRANSLATES}/predict", f"/hf/models/{TRANSLATES}"
LATE = (200, 429, 504)
MOST_S = 1790  # of a recording
WHOLE = 31 * MB


def lawful_sequences() -> list[Case]:
    many = "The cat sat on the mat. " * 2000
    beams = {"num_beams": 8, "length_penalty": 2.0}
    stream = {"stream": True}
    return [
        Case("half an hour of speech", HEARD, sound(lambda: speech(MOST_S)), LATE, decoded_bytes=_decoded(MOST_S)),
        Case("half an hour of noise", HEARD, sound(lambda: noise(MOST_S)), LATE, decoded_bytes=_decoded(MOST_S)),
        Case("half an hour of Opus", HEARD, sound(lambda: opus(MOST_S)), LATE, decoded_bytes=_decoded(MOST_S)),
        Case("four recordings", HEARD, recordings(4), LATE, decoded_bytes=4 * _decoded(300)),
        Case("a recording, OpenAI", HEARD_OPENAI, openai(lambda: speech(300)), LATE, decoded_bytes=_decoded(300)),
        Case("a recording as subtitles", HEARD_OPENAI, openai(lambda: speech(60), response_format="srt"), LATE),
        Case("a recording in JSON", HEARD_HF, plain(lambda: _base64(noise(290))), LATE, decoded_bytes=_decoded(290)),
        Case("half an hour, and gone", HEARD, sound(lambda: speech(MOST_S)), (), 0.5, _decoded(MOST_S)),
        Case("2,000 sentences", TRANSLATED, plain(lambda: _texts([many])), LATE),
        Case("2,000 sentences in a stream", TRANSLATED, plain(lambda: _texts([many], **stream)), LATE),
        Case("a long translation", TRANSLATED, plain(lambda: _texts([article(99_000)])), LATE),
        Case("256 translations", TRANSLATED, plain(lambda: _texts(["Good morning."] * 256)), LATE),
        Case("64 with eight beams", TRANSLATED, plain(lambda: _texts(["A cat."] * 64, parameters=beams)), LATE),
        Case("a translation, Hugging Face", TRANSLATED_HF, plain(lambda: _texts(article(9_000))), LATE),
        Case("a translation, and gone", TRANSLATED, plain(lambda: _texts([article(20_000)], **stream)), (), 0.5),
    ]


def hostile_sequences() -> list[Case]:
    no = (*REFUSED, 413)
    pages = FERRY + b"OggS" * (WHOLE // 4 - 5000)
    empty = b"abcd" + bytes(4)
    return [
        Case("ten hours of silence", HEARD, sound(lambda: silence(36_000)), REFUSED),
        Case("ten hours that nobody tells", HEARD, sound(lambda: _untold(silence(36_000))), REFUSED),
        Case("pages of Ogg that are none", HEARD, sound(lambda: pages), REFUSED),
        Case("the same, OpenAI", HEARD_OPENAI, openai(lambda: pages), REFUSED),
        Case("the same, and gone", HEARD, sound(lambda: pages), (), 0.2),
        Case("Ogg after Ogg", HEARD, sound(lambda: FERRY * (WHOLE // len(FERRY))), REFUSED),
        Case("Ogg and zeros", HEARD, sound(lambda: FERRY + bytes(WHOLE)), (200, *REFUSED)),
        Case("a WAV of empty chunks", HEARD, sound(lambda: b"RIFF\xff\xff\xff\xffWAVE" + empty * 3_700_000), REFUSED),
        Case("a FLAC of empty blocks", HEARD, sound(lambda: _blocks(7_000_000)), REFUSED),
        Case("a tag of zeros before no MP3", HEARD, sound(lambda: b"ID3\3\0\0\x0e\0\0\0" + bytes(WHOLE)), REFUSED),
        Case("tags before no MP3", HEARD, sound(lambda: b"ID3\3\0\0\0\0\0\0" * (WHOLE // 10)), REFUSED),
        Case("what looks like MP3", HEARD, sound(lambda: b"\xff\xfb" * (WHOLE // 2)), REFUSED),
        Case("a text as a recording", HEARD, sound(lambda: b"hello, " * (WHOLE // 7)), REFUSED),
        Case("a recording of one byte", HEARD, sound(lambda: b"R"), REFUSED),
        Case("five recordings", HEARD, recordings(5), LARGE),
        Case("a form without a recording", HEARD_OPENAI, _form(field_part(b"model", HEARS.encode())), REFUSED),
        Case("a form with a long field", HEARD_OPENAI, _form(field_part(b"prompt", b"a" * 999_000) * 31), no),
        Case("a form of recordings", HEARD_OPENAI, _form(file_part(FERRY) * 900), no),
        Case("a form of zeros in gzip", HEARD_OPENAI, _bomb(), no),
        Case("a word of 99,999 letters", TRANSLATED, plain(lambda: _texts(["a" * 99_999])), LATE),
        Case("100,000 line breaks", TRANSLATED, plain(lambda: _texts(["a" + "\n" * 99_999])), LATE),
        Case("50,000 lines of a word", TRANSLATED, plain(lambda: _texts(["a\n" * 50_000])), (*LATE, 413)),
        Case("marks of quotes", TRANSLATED, plain(lambda: _texts(["> " * 49_999 + "a"])), LATE),
        Case("100,000 points", TRANSLATED, plain(lambda: _texts(["a" + "." * 99_998])), (*LATE, *REFUSED)),
        Case("abbreviations", TRANSLATED, plain(lambda: _texts(["e.g. " * 20_000])), (*LATE, 413)),
        Case("tokens of ends", TRANSLATED, plain(lambda: _texts(["</s>" * 25_000])), LATE),
        Case("256 texts too long", TRANSLATED, plain(lambda: _texts(["a b " * 9_000] * 256)), no),
        Case("256 long translations", TRANSLATED, plain(lambda: _texts([article(30_000)] * 256)), (*LATE, 413)),
        Case("beams without end", TRANSLATED, plain(lambda: _texts(["a"], parameters={"num_beams": 10**9})), REFUSED),
    ]  # fmt: skip


def sound(content: Callable[[], bytes]) -> Callable[[], tuple[dict[str, str], list[bytes]]]:
    return plain(content, Content_Type="audio/unknown")


def openai(content: Callable[[], bytes], **fields: str) -> Callable[[], tuple[dict[str, str], list[bytes]]]:
    def body() -> bytes:
        parts = [field_part(name.encode(), value.encode()) for name, value in ({"model": HEARS} | fields).items()]
        return form(iter([*parts, file_part(content())]))

    return plain(body, Content_Type=FORM)


def recordings(count: int) -> Callable[[], tuple[dict[str, str], list[bytes]]]:
    return plain(lambda: form(iter([file_part(speech(300))] * count)), Content_Type=FORM)


def warm_sequences() -> list[Case]:
    """A full batch of each: what a decoder allocates for one, it keeps."""
    texts = plain(lambda: _texts([article(5000)]))
    return [Case("windows", HEARD, sound(lambda: speech(100))), Case("sentences", TRANSLATED, texts)]


@cache
def speech(seconds: int) -> bytes:
    """The example again and again, with pauses."""
    said, rate = soundfile.read(io.BytesIO(FERRY), dtype="float32")
    assert rate == RATE
    return _flac(np.resize(np.concatenate([said, np.zeros(RATE, np.float32)]), seconds * RATE))


@cache
def noise(seconds: int) -> bytes:
    return _flac(np.random.default_rng(0).normal(0, 0.001, seconds * RATE).astype(np.float32))


@cache
def opus(seconds: int) -> bytes:
    said, _ = soundfile.read(io.BytesIO(speech(60)), dtype="float32")
    return _file("OGG", "OPUS", said, -(-seconds // 60))


@cache
def silence(seconds: int) -> bytes:
    return _file("FLAC", "PCM_16", np.zeros(60 * RATE, np.float32), seconds // 60)


def _flac(samples: Any) -> bytes:
    return _file("FLAC", "PCM_16", samples, 1)


def _file(kind: str, subtype: str, samples: Any, times: int) -> bytes:
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", RATE, 1, subtype, format=kind) as file:
        for _ in range(times):
            file.write(samples)
    return content.getvalue()


def _untold(flac: bytes) -> bytes:
    """A FLAC file whose header does not say how many samples there are."""
    return flac[:21] + bytes([flac[21] & 0xF0]) + bytes(4) + flac[26:]


def _blocks(count: int) -> bytes:
    """A FLAC file of blocks of padding, each without a byte in it."""
    head = _flac(np.zeros(RATE, np.float32))[4:42]
    return b"fLaC" + struct.pack(">I", 34) + head[4:] + b"\x01\0\0\0" * count


def _decoded(seconds: int) -> int:
    return BYTES_A_SECOND * seconds


def _base64(content: bytes) -> bytes:
    return json.dumps({"inputs": base64.b64encode(content).decode()}).encode()


def _texts(inputs: Any, **more: Any) -> bytes:
    return json.dumps({"inputs": inputs, **more}).encode()


def _form(parts: bytes) -> Callable[[], tuple[dict[str, str], list[bytes]]]:
    return plain(lambda: form(iter([parts])), Content_Type=FORM)


def _bomb() -> Callable[[], tuple[dict[str, str], list[bytes]]]:
    def body() -> bytes:
        return gzip.compress(form(iter([field_part(b"model", HEARS.encode()), file_part(bytes(500 * MB))])))

    return plain(body, Content_Type=FORM, Content_Encoding="gzip")
