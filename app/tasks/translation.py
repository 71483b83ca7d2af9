"""Texts in another language, sentence by sentence."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, Field
from tokenizers import Tokenizer

from app.errors import InvalidInput
from app.generation.alone import generate_alone
from app.generation.encoding import as_text, encoded
from app.generation.prompt import Beams, Prompt
from app.generation.vocabulary import Detokenizer, Vocabulary
from app.tasks.contract import Contract
from app.tasks.kernel import Kernel
from app.tasks.passages import Part, parts_of
from app.tasks.schema import Schema
from app.tasks.text import MAX_CHARACTERS, require_visible, to_unicode
from app.tasks.view import Prepared, View
from app.tensors import Decoder, Session, Tensors, sequence_decoder_of, source_of

MOST_BEAMS = 8
LONGER = 2  # times as many tokens as a sentence its translation may have, and some more
SOME_TOKENS = 16
NumBeams = Annotated[int, Field(ge=1, le=MOST_BEAMS, description="beams of the search for a sentence; 1: no search")]
LengthPenalty = Annotated[
    float, Field(ge=-10, le=10, description="of a search: above 0, longer sentences gain, below 0, shorter ones")
]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]+)*$", description="as in BCP 47: en, pt, zh-Hans")]


SEARCH = ("num_beams", "length_penalty")


class TranslationConfig(Schema):
    """The graphs are `encoder` and `decoder`: app/runtimes/onnx_sequence.py tells their inputs and outputs.

    Both languages have the same tokens. `context`: those of a sentence, and of its translation.
    """

    tokenizer: str
    source_lang: Language
    target_lang: Language
    context: Annotated[int, Field(ge=8, le=4096)]
    start_id: Annotated[int, Field(ge=0, description="the token that every translation begins after")]
    end_id: Annotated[int, Field(ge=0, description="the token that ends a sentence, and its translation")]
    num_beams: NumBeams = 1
    length_penalty: LengthPenalty = 1.0
    aliases: list[str] = Field([], description="other names by which clients may call the model")


class TranslationInput(Schema):
    text: Annotated[str, Field(description="any text in the language that the model reads", examples=["Good morning."])]


class TranslationParameters(Schema):
    src_lang: Annotated[Language | None, Field(description="refused, unless it is the one that the model reads")] = None
    tgt_lang: Annotated[Language | None, Field(description="refused, unless it is the one that it writes")] = None
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


class TranslationKernel(Kernel):
    """An encoder and a decoder, and the tokens of both. A row is a sentence, and its answer is written step by step."""

    Config = TranslationConfig
    steps = True
    writes_rows = True
    most_beams = MOST_BEAMS

    def __init__(self, config: TranslationConfig, files: Mapping[str, Path]) -> None:
        self.config, self.context = config, config.context
        tokenizer = Tokenizer.from_file(str(files[config.tokenizer]))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = as_text(tokenizer)
        self.vocabulary = Vocabulary(tokenizer)

    @property
    def most_reserved(self) -> int:
        return 2 * self.context + 1  # source, start and translation

    def decoder(self, sessions: Mapping[str, Session], slots: int) -> Decoder:
        return sequence_decoder_of(sessions["encoder"], sessions["decoder"], slots, self.context, self.context)

    def length(self, row: Tensors) -> int:
        return len(row["input_ids"])

    def probe(self, length: int) -> Tensors:
        return {"input_ids": np.full(min(length, self.context), self.config.end_id, np.int64)}

    def prompt_of(self, row: Tensors) -> Prompt:
        """A row may say `num_beams` and `length_penalty`."""
        source, config = source_of(row["input_ids"]), self.config
        number, penalty = row.get("num_beams", config.num_beams), row.get("length_penalty", config.length_penalty)
        return Prompt(
            (self.config.start_id,),
            max_new_tokens=min(self.context, LONGER * source.length + SOME_TOKENS),
            end_ids=frozenset([self.config.end_id]),
            source=source,
            beams=Beams(int(number), float(penalty)),
        )

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]:
        prompts = [self.prompt_of(row) for row in rows]
        decoder = self.decoder(sessions, max(prompt.beams.number for prompt in prompts))
        written = [[token.id for token in generate_alone(decoder, prompt)] for prompt in prompts]
        return [{"output_ids": np.array(ids, np.int64)} for ids in written]

    def ids(self, sentence: str) -> list[int]:
        """Of a sentence, with its end. Who writes the token of an end means its characters."""
        end = self.config.end_id
        ids = encoded(self.tokenizer, sentence).ids
        if end in ids:
            mark = self.vocabulary.text_of(end)
            apart = sentence.replace(mark, f"{mark[:1]} {mark[1:]}")
            ids = [id for id in encoded(self.tokenizer, apart).ids if id != end]
        return [*ids, end]

    def text(self, ids: Sequence[int]) -> str:
        detokenizer = Detokenizer(self.vocabulary)
        return (detokenizer.push(ids) + detokenizer.end()).strip()


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
            if asked is not None and asked != own:
                pair = f"from {config.source_lang} to {config.target_lang}"
                raise InvalidInput(f"is {asked}, and this model translates {pair} only").under(name)
        if parameters.length_penalty is not None and (parameters.num_beams or config.num_beams) == 1:
            raise InvalidInput("has an effect only with num_beams above 1").under("length_penalty")

    def preprocess(self, item: TranslationInput, parameters: TranslationParameters) -> Prepared:
        if len(item.text) > MAX_CHARACTERS:
            raise InvalidInput(f"has {len(item.text)} characters, and may have {MAX_CHARACTERS}").under("text")
        try:
            require_visible(item.text)
        except InvalidInput as error:
            raise error.under("text") from None
        search = {name: np.array(value) for name in SEARCH if (value := getattr(parameters, name)) is not None}
        rows, between = list[Tensors](), [""]
        for whole in parts_of(to_unicode(item.text)):
            for part, ids in self._fitting(whole):
                if part.is_said:
                    rows.append({"input_ids": np.array(ids, np.int64), **search})
                    between.append("")
                else:
                    between[-1] += part.text
        return Prepared(rows, between)

    def _fitting(self, part: Part) -> Iterator[tuple[Part, list[int]]]:
        """The part, or what it is cut into at blanks, so that the model can read each piece, with the ids of each."""
        ids = self.kernel.ids(part.text) if part.is_said else []
        if len(ids) <= self.kernel.context:
            yield part, ids
            return
        middle = len(part.text) // 2
        blank = part.text.rfind(" ", 1, middle)
        at = blank if blank > 0 else middle
        for piece in (part.text[:at], part.text[at:]):
            own = piece.strip()
            yield Part(piece[: len(piece) - len(piece.lstrip())], False), []
            yield from self._fitting(Part(own, bool(own)))
            yield Part(piece[len(piece.rstrip()) :] if own else "", False), []

    def added(self, prepared: Prepared, answers: Sequence[Tensors]) -> str:
        """`Prepared.context` has what stands before, between and after the sentences."""
        after: str = prepared.context[len(answers)]
        return (self._text(answers[-1]) if answers else "") + after

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: TranslationParameters
    ) -> Translation:
        ends = self.kernel.config.end_id
        first, *others = prepared.context
        text = first + "".join(self._text(answer) + after for answer, after in zip(answers, others, strict=True))
        is_complete = all(answer["output_ids"][-1:].tolist() == [ends] for answer in answers)
        return Translation(translation_text=text, sentences=len(answers), is_complete=is_complete)

    def _text(self, answer: Tensors) -> str:
        return self.kernel.text([id for id in answer["output_ids"].tolist() if id != self.kernel.config.end_id])
