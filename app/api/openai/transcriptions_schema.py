"""Requests of `POST /v1/audio/transcriptions` and `/v1/audio/translations`, and their answers."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, RootModel

from app.api.openai.answers_schema import Generated, shown
from app.api.openai.schemas import Refused
from app.tasks.schema import Schema
from app.tasks.translation import Language

Format = Literal["json", "text", "srt", "verbose_json", "vtt"]
TIMED: tuple[Format, ...] = ("srt", "verbose_json", "vtt")

REFUSED_OF_SPEECH: Refused = {
    "prompt": (("",), "each window is read by itself, after no text"),
    "keywords": ((), "the model is told no words"),
    "languages": ((), "send language"),
    "stream": (("false", "False", "0"), "a transcript comes as a whole"),
    "include": ((), "no log-probabilities of tokens are told; verbose_json has the mean of each window"),
    "chunking_strategy": (("auto",), "recordings are always cut where nobody speaks"),
    "known_speaker_names": ((), "nobody tells speakers apart"),
    "known_speaker_references": ((), "nobody tells speakers apart"),
}


def _granularities(value: Any) -> Any:
    listed = value.split(",") if isinstance(value, str) else value
    if "word" in listed:
        raise ValueError("words are not timed; there is segment")
    return listed


class TranslationForm(Schema):
    """Form of `POST /v1/audio/translations`: a recording, and what is asked of it. The text is English."""

    file: Annotated[bytes, Field(description="a WAV, FLAC, Ogg (Opus or Vorbis) or MP3 file")]
    model: Annotated[str, Field(description="name or alias of a model")]
    response_format: Annotated[Format, Field(description="all but json and text tell times")] = "json"
    temperature: Annotated[float, Field(ge=0, le=0, description="the likeliest token is always taken")] = 0.0


class TranscriptionForm(TranslationForm):
    """Form of `POST /v1/audio/transcriptions`: a recording, and what is asked of it."""

    language: Annotated[Language | None, Field(description="that is spoken, by its code: en")] = None
    timestamp_granularities: Annotated[
        list[Literal["segment"]] | None,
        BeforeValidator(_granularities),
        Field(description="segment, and only with verbose_json: words are not timed"),
    ] = None


class AudioUsage(BaseModel):
    type: Literal["duration"]
    seconds: Annotated[int, Field(description="of the recording, rounded up")]


class Transcription(BaseModel):
    """The words of a recording."""

    model_config = shown(text="The ferry leaves at seven.", usage={"type": "duration", "seconds": 3}, generated=True)
    text: Annotated[str, Field(description="empty if nobody speaks")]
    usage: AudioUsage
    generated: Generated


class TimedSegment(BaseModel):
    id: int
    seek: Annotated[int, Field(description="hundredths of a second at which it starts")]
    start: float
    end: float
    text: str
    tokens: Annotated[list[int], Field(description="are not told", max_length=0)]
    temperature: Literal[0]
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseTranscription(Transcription):
    """The words of a recording, and their times."""

    model_config = shown(
        text="The ferry leaves at seven.",
        usage={"type": "duration", "seconds": 3},
        generated=True,
        task="transcribe",
        language="en",
        duration=2.8,
        segments=[
            {
                "id": 0,
                "seek": 0,
                "start": 0.0,
                "end": 2.6,
                "text": "The ferry leaves at seven.",
                "tokens": [],
                "temperature": 0,
                "avg_logprob": -0.21,
                "compression_ratio": 0.8,
                "no_speech_prob": 0.02,
            }
        ],
    )
    task: Literal["transcribe", "translate"]
    language: Annotated[str, Field(description="its code")]
    duration: Annotated[float, Field(description="seconds of the recording")]
    segments: list[TimedSegment]


class AnyTranscription(RootModel[VerboseTranscription | Transcription]):
    """Either of them, by `response_format`."""


MEDIA_TYPES: Mapping[Format, str] = {
    "json": "application/json",
    "verbose_json": "application/json",
    "text": "text/plain; charset=utf-8",
    "srt": "text/plain; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
}
