"""Speech as text, window by window."""

from typing import Annotated

from pydantic import Field, model_validator

from app.tasks.schema import Schema
from app.tasks.translation import Language

Ids = list[Annotated[int, Field(ge=0)]]


class SpeechConfig(Schema):
    """The tokens that a Whisper model is told with (Radford et al., 2022, figure 1 and section 2.3).

    The graphs are `encoder` (`features` fp32 [rows, mels, 3000], log-mel of 30 s, to the cross keys and values of
    1500 places), `decoder` (app/runtimes/onnx_sequence.py) and, if there is one, `vad`: silero_vad_16k_sequence.onnx
    of the package silero-vad, which reads many frames in one run.
    """

    tokenizer: str
    context: Annotated[int, Field(ge=8, le=4096, description="tokens of a window's prompt and transcript")] = 448
    mels: Annotated[int, Field(ge=1, le=256, description="bands of a spectrogram")] = 80
    languages: Annotated[list[Language], Field(min_length=1, description='["en"] of a model for English only')]
    start_id: Annotated[int, Field(ge=0, description="<|startoftranscript|>")]
    end_id: Annotated[int, Field(ge=0, description="<|endoftext|>")]
    no_speech_id: Annotated[int, Field(ge=0, description="<|nospeech|>, or <|nocaptions|>")]
    no_timestamps_id: Annotated[int, Field(ge=0, description="<|notimestamps|>")]
    timestamp_begin_id: Annotated[int, Field(ge=0, description="<|0.00|>; 1500 more follow, .02 s apart")]
    transcribe_id: Annotated[int | None, Field(ge=0, description="none of a model for English only")] = None
    translate_id: Annotated[int | None, Field(ge=0, description="none of a model for English only")] = None
    language_ids: Ids = Field([], description="of each of `languages`; none of a model for English only")
    suppress_ids: Ids = Field([], description="tokens that are never written")
    begin_suppress_ids: Ids = Field([], description="tokens that no transcript begins with")
    max_seconds: Annotated[float, Field(gt=0, le=36_000, description="of a recording; a longer one is refused")] = 1800
    aliases: list[str] = Field([], description="other names by which clients may call the model")

    @model_validator(mode="after")
    def _languages_have_tokens(self) -> "SpeechConfig":
        if self.language_ids and len(self.language_ids) != len(self.languages):
            raise ValueError("language_ids must have one token for each of languages, or none at all")
        if bool(self.language_ids) != (self.transcribe_id is not None):
            raise ValueError("a model has tokens of languages and of what to do, or neither")
        return self
