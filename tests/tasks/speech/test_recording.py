"""Files of sound become samples at 16 kHz; what cannot is refused, before it is decoded where its header says so."""

import io
import struct
from time import perf_counter, thread_time

import numpy as np
import pytest
import soundfile
from tiny_speech import file_of, silence, tone

from app.abandoned import Abandoned, wanted_while
from app.errors import InvalidInput
from app.tasks.audio_input import FERRY
from app.tasks.speech.recording import RATE, read_recording, seconds_of

MOST = 60.0


def refused(content: bytes, max_seconds: float = MOST) -> str:
    with pytest.raises(InvalidInput) as caught:
        read_recording(content, max_seconds)
    return str(caught.value)


def wav(rate: int = RATE, channels: int = 1, frames: int = RATE, said: int | None = None) -> bytes:
    data = struct.pack("<h", 100) * (frames * channels)
    size = len(data) if said is None else said
    form = struct.pack("<HHIIHH", 1, channels, rate, 2 * channels * rate % 2**32, 2 * channels, 16)
    return (
        b"RIFF"
        + struct.pack("<I", min(36 + size, 2**32 - 1))
        + b"WAVEfmt \x10\0\0\0"
        + form
        + (b"data" + struct.pack("<I", size) + data)
    )


def without_length(flac: bytes) -> bytes:
    """A FLAC file whose header does not say how long it is."""
    made = bytearray(flac)
    made[21] &= 0xF0
    made[22:26] = bytes(4)
    return bytes(made)


@pytest.mark.parametrize(
    ("kind", "subtype", "tolerance"),
    [
        ("WAV", "PCM_16", 1e-4),
        ("WAV", "PCM_U8", 0.02),
        ("WAV", "FLOAT", 1e-6),
        ("WAV", "ULAW", 0.03),
        ("WAVEX", "PCM_24", 1e-6),
        ("FLAC", "PCM_24", 1e-6),
        ("OGG", "VORBIS", 0.05),
        ("OGG", "OPUS", 0.1),
        ("MP3", None, 0.05),
    ],
)
def test_a_tone_is_the_same_in_every_format(kind, subtype, tolerance):
    found = read_recording(file_of(tone(1), kind, subtype), MOST)
    assert found.dtype == np.float32
    assert abs(len(found) - RATE) < 0.1 * RATE  # encoders add some silence
    middle = slice(RATE // 4, RATE // 2)
    best = min(np.abs(np.roll(found, shift)[middle] - tone(1)[middle]).max() for shift in range(37))  # of a period
    assert best < tolerance


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_rate_and_channels_become_one_channel_at_16_khz(rate, channels):
    left = tone(0.5, rate)
    both = np.stack([left, *[0 * left] * (channels - 1)], axis=1)
    found = read_recording(file_of(both, "FLAC", "PCM_24", rate), MOST)
    assert abs(len(found) - RATE // 2) <= 2
    middle = slice(2_000, 6_000)
    assert np.abs(found[middle] - tone(0.5)[: len(found)][middle] / channels).max() < 2e-3


def test_an_mp3_file_without_a_header_for_all_of_it_is_read_whole():
    content = file_of(tone(20), "MP3")
    frames = content[content.find(content[:2], 4) :]  # the first frame tells how many follow
    assert abs(len(read_recording(frames, MOST)) / RATE - 20) < 0.2
    assert len(soundfile.SoundFile(io.BytesIO(frames)).read()) / RATE < 10  # as libsndfile alone would read it


def test_mp3_files_one_behind_the_other_are_read_to_the_end():
    content = file_of(tone(2), "MP3")
    tagged = b"ID3\x03\0\0\0\0\x07\x68" + bytes(1000) + content  # 7 bits of the size in a byte
    alone = len(read_recording(content, MOST))
    assert len(read_recording(tagged, MOST)) == alone
    assert len(read_recording(content + b"TAG" + bytes(125), MOST)) == alone
    for several in (3 * content, tagged + 2 * content):
        assert len(read_recording(several, MOST)) == pytest.approx(3 * alone, rel=0.1)


def test_a_search_for_sound_that_would_take_minutes_ends_after_a_second():
    looks_like_pages = FERRY + b"OggS" * 4_000_000  # each of them is summed up as a page of kilobytes
    for read in (read_recording, seconds_of):
        started = thread_time()
        with pytest.raises(InvalidInput, match="takes too long to find any sound"):
            read(looks_like_pages, MOST)
        assert thread_time() - started < 2


def test_a_search_for_sound_ends_when_nobody_waits_any_more():
    asked = iter([True] * 20)
    started = thread_time()
    with wanted_while(lambda: next(asked, False)), pytest.raises(Abandoned):
        seconds_of(FERRY + b"OggS" * 4_000_000, MOST)
    assert thread_time() - started < 0.5


def test_the_example_is_read():
    assert len(read_recording(FERRY, MOST)) / RATE == pytest.approx(seconds_of(FERRY, MOST), abs=0.01)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(b"", "is empty: it has no bytes", id="no bytes"),
        pytest.param(b"The ferry leaves at seven." * 100, "is not a file of sound", id="a text"),
        pytest.param(b"\xff\xd8\xff\xe0" + bytes(100), "is not a file of sound", id="a photo"),
        pytest.param(b"\x1aE\xdf\xa3" + bytes(100), "is a WebM or Matroska file, which is not read; WAV", id="webm"),
        pytest.param(b"\0\0\0\x20ftypM4A " + bytes(100), "is an MP4 file (M4A), which is not read", id="m4a"),
        pytest.param(b"RIFF\x10\0\0\0AVI " + bytes(100), "cannot be read as sound", id="a film"),
        pytest.param(b"fLaC" + bytes(100), "cannot be read as sound", id="no flac"),
        pytest.param(b"OggS" + bytes(100), "cannot be read as sound", id="no ogg"),
        pytest.param(b"ID3" + bytes(100), "has no frames", id="no mp3"),
        pytest.param(b"\xff\xfb" + bytes(range(256)) * 9, "has no frames", id="like mp3"),
        pytest.param(wav(frames=0), "has no samples", id="no samples"),
        pytest.param(wav(frames=1), "lasts 0.0001 s, and must last at least 0.1 s", id="one sample"),
        pytest.param(wav(rate=8), "has 8 samples a second, and must have 4,000 to 384,000", id="8 Hz"),
        pytest.param(wav(rate=0), "cannot be read as sound", id="0 Hz"),
        pytest.param(wav(rate=2**31 - 1), "has 2147483647 samples a second", id="2 GHz"),
        pytest.param(wav(channels=32), "has 32 channels, and may have 8", id="32 channels"),
        pytest.param(wav(rate=4_000, frames=61 * 4_000), "lasts 61 s or more, and may last 60 s", id="long"),
        pytest.param(
            wav(rate=192_000, channels=8, frames=750_000), "6,000,000 values in all channels", id="many values"
        ),
        pytest.param(file_of(np.array([0.5, np.nan] * RATE), "WAV", "FLOAT"), "not finite numbers", id="NaN"),
        pytest.param(file_of(np.array([0.5, np.inf] * RATE), "WAV", "DOUBLE"), "not finite numbers", id="infinite"),
        pytest.param(file_of(np.array([0.5, 1e300] * RATE), "WAV", "DOUBLE"), "not finite numbers", id="too large"),
        pytest.param(file_of(np.array([3e38, -3e38] * RATE), "WAV", "FLOAT", 8_000), "far too large", id="no sums"),
        pytest.param(file_of(np.full((RATE, 2), 3e38), "WAV", "FLOAT"), "far too large", id="no mean"),
        pytest.param(FERRY + FERRY, "has several streams", id="chained Ogg"),
        pytest.param(FERRY + bytes(3_000_000) + FERRY, "has several streams", id="chained far behind"),
        pytest.param(file_of(tone(2), "FLAC")[:9_000], "is damaged", id="cut"),
    ],
)
def test_what_cannot_be_heard_is_refused_in_a_sentence(content, words):
    assert words in refused(content)


def test_numbers_meant_for_integers_are_scaled():
    found = read_recording(file_of(20_000 * tone(1), "WAV", "FLOAT"), MOST)
    assert np.abs(found).max() == pytest.approx(1, abs=1e-3)


def test_a_header_that_says_more_than_there_is_changes_nothing():
    assert len(read_recording(wav(said=2**31), 2**20)) == RATE


def test_a_bomb_is_refused_by_its_header_or_when_the_limit_is_reached():
    hours = io.BytesIO()
    with soundfile.SoundFile(hours, "w", RATE, 1, "PCM_16", format="FLAC") as file:
        for _ in range(60):
            file.write(np.zeros(60 * RATE, np.int16))
    content = hours.getvalue()
    assert len(content) < 300_000
    started = perf_counter()
    assert refused(content) == "lasts 3,600 s or more, and may last 60 s"
    with pytest.raises(InvalidInput, match="lasts 3,600 s"):
        seconds_of(content, MOST)
    assert perf_counter() - started < 0.05
    assert seconds_of(without_length(content), MOST) > 1e9
    assert refused(without_length(content)) in {f"lasts {one} s or more, and may last 60 s" for one in range(60, 80)}
    assert perf_counter() - started < 1


def test_silence_is_a_recording():
    assert not read_recording(file_of(silence(1)), MOST).any()
