"""The parameters of a transcript, and what it has."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from app.tasks.schema import Schema
from app.tasks.translation import Language


class SpeechParameters(Schema):
    language: Annotated[
        Language | None,
        Field(description="that is spoken: one that the model knows; without it, the one that it takes it for"),
    ] = None
    task: Annotated[
        Literal["transcribe", "translate"], Field(description="translate: into English, by models that can")
    ] = "transcribe"
    return_timestamps: Annotated[
        bool, Field(description="segments as the model times them; else one for each window that it reads")
    ] = False


class SpokenSegment(BaseModel):
    start: Annotated[float, Field(description="seconds of the recording")]
    end: Annotated[float, Field(description="seconds of the recording")]
    text: str
    avg_logprob: Annotated[float, Field(description="mean log-probability of the tokens of its window")]
    no_speech_prob: Annotated[float, Field(description="probability that nobody speaks in its window")]
    compression_ratio: Annotated[float, Field(description="bytes of the text, for each that zlib makes of it")]
    is_doubtful: Annotated[
        bool, Field(description="it repeats itself (compression above 2.4), or the model was not sure (below -1)")
    ]


class Transcript(BaseModel):
    text: Annotated[str, Field(description="empty if nobody speaks")]
    segments: list[SpokenSegment]
    language: str
    duration_s: Annotated[float, Field(description="of the recording")]
    speech_s: Annotated[float, Field(description="of it, in which somebody seems to speak")]
