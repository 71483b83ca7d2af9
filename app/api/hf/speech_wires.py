"""The form of recordings and what is said in them, as `huggingface_hub` sends and parses it."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, field_validator

from app.api.hf.known import KnownOnly
from app.tasks.speech.schema import SpeechParameters, Transcript


class HfSpeechParameters(KnownOnly, SpeechParameters):
    """Those of the native dialect: options of decoding would change nothing."""

    @field_validator("return_timestamps", mode="before")
    @classmethod
    def _are_of_segments(cls, value: Any) -> Any:
        if value == "word":
            raise ValueError("words are not timed; send true for the times of segments")
        return value


class HfChunk(BaseModel):
    text: str
    timestamp: Annotated[tuple[float, float], Field(description="its start and its end, seconds of the recording")]


class HfTranscript(BaseModel):
    """`chunks` are there if `return_timestamps` is."""

    text: Annotated[str, Field(description="empty if nobody speaks")]
    chunks: list[HfChunk] | None = None


def heard(transcript: Transcript, sent: HfSpeechParameters) -> dict[str, Any]:
    if not sent.return_timestamps:
        return {"text": transcript.text}
    chunks = [{"text": one.text, "timestamp": [one.start, one.end]} for one in transcript.segments]
    return {"text": transcript.text, "chunks": chunks}
