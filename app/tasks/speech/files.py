"""Files of sound, opened: what their headers say, and their samples block by block. Knows neither limits nor speech.

libsndfile reads WAV, FLAC and Ogg. It believes an MP3 file without a header for all of it by its first frames and
leaves the rest unread, so MP3 is read by miniaudio.

libsndfile searches what is damaged for where sound goes on, for minutes if all looks like that. It asks us for each
piece of the file, and gets no more once it has taken longer than any sound does, or nobody waits any more.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

import miniaudio
import numpy as np
import numpy.typing as npt
import soundfile

from app.abandoned import Abandoned, require_wanted
from app.errors import InvalidInput
from app.seconds_of_thread import used_s
from app.tasks.speech.mp3 import of_all_frames

Samples = npt.NDArray[np.float32]

BLOCK_VALUES = 262_144  # that are decoded at a time, of all channels together
MINIAUDIO_FRAMES = 16_384  # for which it has room
MOST_S = 1.0  # of a core, to open a file or decode a block, which take milliseconds and some tenths
FIRST_PAGE = b"OggS\0\2"  # of a stream in Ogg: its version, and the flag that it begins
STEP_BYTES = 1_000_000  # searched at a time: nobody else runs meanwhile
READ = "WAV, FLAC, Ogg (Opus or Vorbis) and MP3 are"
KINDS = {"WAV", "WAVEX", "RF64", "FLAC", "OGG"}
BEGINNINGS = (b"RIFF", b"RF64", b"fLaC", b"OggS")
OTHERS = (
    (0, b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (4, b"ftyp", "an MP4 file (M4A)"),
    (0, b"FORM", "an AIFF file"),
    (0, b"caff", "a Core Audio file"),
    (0, b"0&\xb2u", "a WMA file"),
    (0, b"#!AMR", "an AMR file"),
    (0, b"\xff\xf1", "an AAC file"),
    (0, b"\xff\xf9", "an AAC file"),
)


class Sound(NamedTuple):
    """A file that is open. `frames` is what its header says, and may be wrong; each has a value for each channel."""

    rate: int
    channels: int
    frames: int
    blocks: Iterator[Samples]
    """fp32 [frames, channels], 1 being full scale. Raises InvalidInput where the file is damaged."""


@contextmanager
def opened(content: bytes) -> Iterator[Sound]:
    """Raises InvalidInput if it is no file of sound that is read, and says what it is if that is known."""
    if not content:
        raise InvalidInput("is empty: it has no bytes")
    if content.startswith(b"OggS"):
        _require_one_stream(content)
    if content.startswith(BEGINNINGS):
        with _opened_by_sndfile(content) as sound:
            yield sound
    elif _is_mp3(content):
        yield _opened_by_miniaudio(content)
    else:
        for at, mark, kind in OTHERS:
            if content.startswith(mark, at):
                raise InvalidInput(f"is {kind}, which is not read; {READ}")
        raise InvalidInput(f"is not a file of sound that is read; {READ}")


def _require_one_stream(content: bytes) -> None:
    """Of several streams in Ogg, one after another or side by side, libsndfile reads the first without a word."""
    overlap = len(FIRST_PAGE) - 1
    for start in range(1, len(content), STEP_BYTES):
        if content.find(FIRST_PAGE, start, start + STEP_BYTES + overlap) >= 0:
            raise InvalidInput("has several streams, and only one can be read; send them as files of their own")


class _Pieces(BytesIO):
    """A file, until it has taken too long to read on, or nobody waits any more: it then seems to end."""

    _until_s = float("inf")
    has_stopped = False

    @contextmanager
    def within_bounds(self) -> Iterator[None]:
        """Raises InvalidInput and Abandoned, if that is why the file has ended."""
        self._until_s = used_s() + MOST_S
        try:
            yield
        finally:
            require_wanted()
            if self.has_stopped:
                raise InvalidInput("is damaged: it takes too long to find any sound in it") from None

    def readinto(self, buffer: Any) -> int:
        try:
            require_wanted()
        except Abandoned:  # nothing may be raised through libsndfile
            self.has_stopped = True
        self.has_stopped = self.has_stopped or used_s() > self._until_s
        return 0 if self.has_stopped else super().readinto(buffer)


@contextmanager
def _opened_by_sndfile(content: bytes) -> Iterator[Sound]:
    pieces = _Pieces(content)
    try:
        with pieces.within_bounds():
            file = soundfile.SoundFile(pieces)
    except soundfile.LibsndfileError:
        raise InvalidInput("cannot be read as sound: its header makes no sense, or something else is in it") from None
    with file:
        if file.format not in KINDS:
            raise InvalidInput(f"is a file of type {file.format}, which is not read; {READ}")
        yield Sound(file.samplerate, file.channels, file.frames, _blocks(file, pieces))


def _blocks(file: soundfile.SoundFile, pieces: _Pieces) -> Iterator[Samples]:
    frames = max(1, BLOCK_VALUES // file.channels)
    while True:
        try:
            with pieces.within_bounds():
                block: Samples = file.read(frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            raise InvalidInput("is damaged, or ends too early: not all of it can be decoded") from None
        if not len(block):
            return
        yield block


def _is_mp3(content: bytes) -> bool:
    """Whether it has a tag before its frames, or begins with the header of a frame of layer III."""
    return content.startswith(b"ID3") or (content[:1] == b"\xff" and len(content) > 1 and content[1] & 0xE6 == 0xE2)


def _opened_by_miniaudio(content: bytes) -> Sound:
    content = of_all_frames(content)
    try:
        told = miniaudio.mp3_get_info(content)
        float32 = miniaudio.SampleFormat.FLOAT32
        blocks = miniaudio.stream_memory(content, float32, told.nchannels, told.sample_rate, MINIAUDIO_FRAMES)
    except miniaudio.MiniaudioError:
        raise InvalidInput("cannot be read as sound: it looks like MP3, and has no frames of it") from None
    return Sound(told.sample_rate, told.nchannels, told.num_frames, _shaped(blocks, told.nchannels))


def _shaped(blocks: Iterator[memoryview], channels: int) -> Iterator[Samples]:
    try:
        for block in blocks:
            yield np.frombuffer(block, np.float32).reshape(-1, channels)
    except miniaudio.MiniaudioError:
        raise InvalidInput("is damaged: a frame of MP3 cannot be decoded") from None
