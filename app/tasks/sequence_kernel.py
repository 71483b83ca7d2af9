"""The kernel of models that read a text as a whole and write another: an encoder and a decoder, and their tokens."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator
from tokenizers import Tokenizer

from app.errors import InvalidArtifact
from app.generation.alone import generate_alone
from app.generation.encoding import as_text, encoded
from app.generation.no_repeats import NoRepeats
from app.generation.prompt import Beams, Prompt, Sampling
from app.generation.vocabulary import Detokenizer, Vocabulary
from app.tasks.kernel import Kernel
from app.tasks.schema import Schema
from app.tensors import Decoder, Session, Tensors, sequence_decoder_of, source_of

LONGER = 2  # times as many tokens as a source its answer may have, and some more
SOME_TOKENS = 16
MOST_CHARACTERS_A_TOKEN = 16  # of a text that may fit; of a longer one not all is tokenized
MOST_BEAMS = 8
SEARCH = ("num_beams", "length_penalty")
NumBeams = Annotated[int, Field(ge=1, le=MOST_BEAMS, description="beams of the search for an answer; 1: no search")]
LengthPenalty = Annotated[
    float, Field(ge=-10, le=10, description="of a search: above 0, longer answers gain, below 0, shorter ones")
]
TEXT: Literal["text"] = "text"
LANGUAGE: Literal["language"] = "language"
Id = Annotated[int, Field(ge=0)]


class SequenceConfig(Schema):
    """The graphs are `encoder` and `decoder`: app/runtimes/onnx_sequence.py tells their inputs and outputs.

    Both texts have the same tokens. `context`: those of a source with all that is put around its text, and of its
    answer with what that begins after.
    """

    tokenizer: str
    context: Annotated[int, Field(ge=8, le=4096)]
    start_id: Annotated[Id, Field(description="the token that every answer begins after")]
    end_id: Annotated[Id, Field(description="the token that ends a source, and its answer")]
    prefix: Annotated[str, Field(description="is read before every text, as part of it: what a T5 is to do")] = ""
    source_form: Annotated[
        tuple[Literal["text", "language"] | Id, ...],
        Field(description='tokens around the text of a source, and its language; ["text", end_id] if empty'),
    ] = ()
    answer_form: Annotated[
        tuple[Literal["language"] | Id, ...],
        Field(description="tokens that an answer begins after, and its language; [start_id] if empty"),
    ] = ()
    forbidden_ids: Annotated[tuple[Id, ...], Field(description="tokens that no answer has")] = ()
    min_new_tokens: Annotated[int, Field(ge=0)] = 0
    max_new_tokens: Annotated[int | None, Field(ge=1, description="if none, what is likely for the source")] = None
    no_repeat_ngram_size: Annotated[int, Field(ge=0, description="tokens in a row that come once only; 0: any")] = 0
    num_beams: NumBeams = 1
    length_penalty: LengthPenalty = 1.0
    early_stopping: bool | Literal["never"] = False
    aliases: list[str] = Field([], description="other names by which clients may call the model")

    @model_validator(mode="after")
    def _has_a_text(self) -> "SequenceConfig":
        if self.source_form and self.source_form.count(TEXT) != 1:
            raise ValueError('source_form must have "text" once')
        return self


class SequenceKernel(Kernel):
    """An encoder and a decoder, and the tokens of both. A row is a text, and its answer is written step by step."""

    Config: ClassVar[type[SequenceConfig]] = SequenceConfig
    steps = True
    writes_rows = True
    most_beams = MOST_BEAMS

    def __init__(self, config: Any, files: Mapping[str, Path]) -> None:
        self.config, self.context = config, config.context
        tokenizer = Tokenizer.from_file(str(files[config.tokenizer]))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.tokenizer = as_text(tokenizer)
        self.vocabulary = Vocabulary(tokenizer)
        if (around := len(self.ids(""))) >= config.context:
            raise InvalidArtifact(f"{around} tokens stand around every text, and the context has {config.context}")

    @property
    def most_reserved(self) -> int:
        return 2 * self.context + 1  # source, start and answer

    def decoder(self, sessions: Mapping[str, Session], slots: int) -> Decoder:
        return sequence_decoder_of(sessions["encoder"], sessions["decoder"], slots, self.context, self.context)

    def length(self, row: Tensors) -> int:
        return len(row["input_ids"])

    def probe(self, length: int) -> Tensors:
        return {"input_ids": np.full(min(length, self.context), self.config.end_id, np.int64)}

    def row(self, ids: Sequence[int], language: int | None = None) -> Tensors:
        """A source of these ids, to be answered in the language that this token stands for."""
        begun = [language if one == LANGUAGE else one for one in self.config.answer_form]
        row = {"input_ids": np.array(ids, np.int64)}
        return row | ({"decoder_input_ids": np.array(begun, np.int64)} if begun else {})

    def prompt_of(self, row: Tensors) -> Prompt:
        """A row may say `num_beams` and `length_penalty`."""
        config, source = self.config, source_of(row["input_ids"])
        begun = tuple(row["decoder_input_ids"].tolist()) if "decoder_input_ids" in row else (config.start_id,)
        number, penalty = (row.get(name, getattr(config, name)) for name in SEARCH)
        size = config.no_repeat_ngram_size
        return Prompt(
            begun,
            max_new_tokens=min(
                self.context + 1 - len(begun), config.max_new_tokens or LONGER * source.length + SOME_TOKENS
            ),
            min_new_tokens=config.min_new_tokens,
            end_ids=frozenset([config.end_id]),
            sampling=Sampling(logit_bias=dict.fromkeys(config.forbidden_ids, -np.inf)),
            constraint=(lambda: NoRepeats(size, begun)) if size else None,
            source=source,
            beams=Beams(int(number), float(penalty), config.early_stopping),
        )

    def run(self, sessions: Mapping[str, Session], rows: Sequence[Tensors]) -> list[Tensors]:
        prompts = [self.prompt_of(row) for row in rows]
        decoder = self.decoder(sessions, max(prompt.beams.number for prompt in prompts))
        return [self.answer_of(list(generate_alone(decoder, prompt))) for prompt in prompts]

    def ids(self, text: str, language: int | None = None) -> list[int]:
        """Of a source, with what is around its text. Who writes the token of an end means its characters."""
        own, found = self._ids_of_text(self.config.prefix + text), list[Any]()
        for one in self.config.source_form or (TEXT, self.config.end_id):
            found += own if one == TEXT else [language if one == LANGUAGE else one]
        return found

    def _ids_of_text(self, text: str) -> list[int]:
        end = self.config.end_id
        ids = encoded(self.tokenizer, text).ids
        if end in ids:
            mark = self.vocabulary.text_of(end)
            apart = text.replace(mark, f"{mark[:1]} {mark[1:]}")
            ids = [id for id in encoded(self.tokenizer, apart).ids if id != end]
        return ids

    def is_ended(self, ids: Sequence[int]) -> bool:
        """Whether an answer came to its end."""
        return list(ids[-1:]) == [self.config.end_id]

    def text(self, ids: Sequence[int]) -> str:
        """Of an answer, without its end."""
        detokenizer = Detokenizer(self.vocabulary)
        return (detokenizer.push([id for id in ids if id != self.config.end_id]) + detokenizer.end()).strip()
