"""Texts in another language, sentence by sentence."""

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, Field, model_validator

from app.errors import InvalidInput
from app.tasks.contract import Contract
from app.tasks.passages import Part, parts_of
from app.tasks.schema import Schema
from app.tasks.sequence_kernel import (
    LANGUAGE,
    MOST_CHARACTERS_A_TOKEN,
    SEARCH,
    LengthPenalty,
    NumBeams,
    SequenceConfig,
    SequenceKernel,
)
from app.tasks.text import MAX_CHARACTERS, require_visible, to_unicode
from app.tasks.view import Prepared, View
from app.tensors import Tensors

QUICK_CHARACTERS, QUICK_SENTENCES = 200, 4  # are read and put together in about 0.3 ms
CODE = r"^[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*$"


def _is_code(value: str) -> str:
    if not re.fullmatch(CODE, value):
        raise ValueError("is no code of a language, such as en, pt-BR or eng_Latn")
    return value


Language = Annotated[
    str,
    AfterValidator(_is_code),
    Field(
        json_schema_extra={"pattern": CODE},
        description="as the model has it, often as in BCP 47: en, pt, zh-Hans, en_XX, eng_Latn",
    ),
]


class TranslationConfig(SequenceConfig):
    """Of several languages, `source_lang` and `target_lang` are those that are taken where a caller names none."""

    source_lang: Language
    target_lang: Language
    languages: dict[Language, int] = Field({}, description="the token of each; empty where there is one pair")

    @model_validator(mode="after")
    def _knows_its_languages(self) -> "TranslationConfig":
        if self.languages and not {self.source_lang, self.target_lang} <= self.languages.keys():
            raise ValueError("source_lang and target_lang must be among the languages")
        if bool(self.languages) != (LANGUAGE in (*self.source_form, *self.answer_form)):
            raise ValueError("languages must be there where, and only where, a form has one")
        return self


class TranslationInput(Schema):
    text: Annotated[str, Field(description="any text in the language that the model reads", examples=["Good morning."])]


class TranslationParameters(Schema):
    src_lang: Annotated[Language | None, Field(description="refused, unless the model reads it")] = None
    tgt_lang: Annotated[Language | None, Field(description="refused, unless the model writes it")] = None
    num_beams: NumBeams | None = None
    length_penalty: LengthPenalty | None = None


class Translation(BaseModel):
    translation_text: Annotated[str, Field(description="with the lines, marks and blanks of the text")]
    sentences: Annotated[int, Field(description="that were translated, each for itself")]
    is_complete: Annotated[bool, Field(description="false if a sentence did not come to an end where it had to")]


class TranslationPiece(BaseModel):
    item: Annotated[int, Field(description="of which input, from 0")]
    text: Annotated[str, Field(description="what comes next; joined, all are the translation")]
    output: Annotated[Translation | None, Field(description="the whole, in the last piece of an input")] = None


class TranslationKernel(SequenceKernel):
    """A row is a sentence, and its answer the translation."""

    Config = TranslationConfig
    config: TranslationConfig


class TextTranslation(View[TranslationKernel]):
    """Translate each text, sentence by sentence; lines, marks of lists and blanks stay. Nobody verifies the result."""

    contract = Contract(
        "translation",
        __qualname__,
        __doc__,
        Input=TranslationInput,
        Parameters=TranslationParameters,
        Output=Translation,
        Piece=TranslationPiece,
        example={"text": "Good morning. How are you today?"},
        is_generated=True,
    )

    def check(self, parameters: TranslationParameters) -> None:
        config = self.kernel.config
        for name, asked, own in (
            ("src_lang", parameters.src_lang, config.source_lang),
            ("tgt_lang", parameters.tgt_lang, config.target_lang),
        ):
            if asked is None or asked in (config.languages or (own,)):
                continue
            known = f"this model translates from {config.source_lang} to {config.target_lang} only"
            if config.languages:
                known = f"the languages of this model are {', '.join(config.languages)}"
            raise InvalidInput(f"is {asked}, and {known}").under(name)
        if parameters.length_penalty is not None and (parameters.num_beams or config.num_beams) == 1:
            raise InvalidInput("has an effect only with num_beams above 1").under("length_penalty")

    def is_quick(self, item: TranslationInput) -> bool:
        return len(item.text) <= QUICK_CHARACTERS

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return len(answers) <= QUICK_SENTENCES

    def preprocess(self, item: TranslationInput, parameters: TranslationParameters) -> Prepared:
        if len(item.text) > MAX_CHARACTERS:
            raise InvalidInput(f"has {len(item.text)} characters, and may have {MAX_CHARACTERS}").under("text")
        try:
            require_visible(item.text)
        except InvalidInput as error:
            raise error.under("text") from None
        config = self.kernel.config
        read, written = (
            config.languages.get(asked or own)
            for asked, own in ((parameters.src_lang, config.source_lang), (parameters.tgt_lang, config.target_lang))
        )
        search = {name: np.array(value) for name in SEARCH if (value := getattr(parameters, name)) is not None}
        rows, between = list[Tensors](), [""]
        for whole in parts_of(to_unicode(item.text)):
            for part, ids in self._fitting(whole, read):
                if part.is_said:
                    rows.append(self.kernel.row(ids, written) | search)
                    between.append("")
                else:
                    between[-1] += part.text
        return Prepared(rows, between)

    def _fitting(self, part: Part, language: int | None) -> Iterator[tuple[Part, list[int]]]:
        """The part, or what it is cut into at blanks, so that the model can read each piece, with the ids of each."""
        if not part.is_said:
            yield part, []
            return
        # What is surely too long is cut unread: many tokens are made and freed in one go, while no other thread runs.
        if len(part.text) <= MOST_CHARACTERS_A_TOKEN * self.kernel.context:
            ids = self.kernel.ids(part.text, language)
            if len(ids) <= self.kernel.context:
                yield part, ids
                return
        middle = len(part.text) // 2
        blank = part.text.rfind(" ", 1, middle)
        at = blank if blank > 0 else middle
        for piece in (part.text[:at], part.text[at:]):
            own = piece.strip()
            yield Part(piece[: len(piece) - len(piece.lstrip())], False), []
            yield from self._fitting(Part(own, bool(own)), language)
            yield Part(piece[len(piece.rstrip()) :] if own else "", False), []

    def added(self, prepared: Prepared, answers: Sequence[Tensors]) -> str:
        """`Prepared.context` has what stands before, between and after the sentences."""
        after: str = prepared.context[len(answers)]
        return (self._text(answers[-1]) if answers else "") + after

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: TranslationParameters
    ) -> Translation:
        first, *others = prepared.context
        text = first + "".join(self._text(answer) + after for answer, after in zip(answers, others, strict=True))
        is_complete = all(self.kernel.is_ended(answer["output_ids"].tolist()) for answer in answers)
        return Translation(translation_text=text, sentences=len(answers), is_complete=is_complete)

    def _text(self, answer: Tensors) -> str:
        return self.kernel.text(answer["output_ids"].tolist())
