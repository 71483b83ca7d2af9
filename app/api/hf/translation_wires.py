"""The form of a translation, as `huggingface_hub` sends it."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from app.api.hf.known import KnownOnly
from app.tasks.sequence_kernel import SEARCH, LengthPenalty, NumBeams
from app.tasks.translation import TranslationParameters


class HfSearchParameters(KnownOnly):
    """The options of decoding that have an effect."""

    num_beams: NumBeams | None = None
    length_penalty: LengthPenalty | None = None


class HfTranslationParameters(KnownOnly, TranslationParameters):
    """Those of the native dialect; the client has a place of its own for some."""

    generate_parameters: Annotated[
        HfSearchParameters | None, Field(description="where the client puts options of decoding")
    ] = None

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        twice = [name for name in SEARCH if getattr(self, name) is not None and name in self._nested()]
        if twice:
            raise ValueError(f"send {twice[0]} once, in parameters or in generate_parameters")
        return self

    def native(self) -> TranslationParameters:
        return TranslationParameters(**{**self.model_dump(exclude={"generate_parameters"}), **self._nested()})

    def _nested(self) -> dict[str, Any]:
        return self.generate_parameters.model_dump(exclude_none=True) if self.generate_parameters else {}
