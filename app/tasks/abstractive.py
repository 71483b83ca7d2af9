"""Summaries that a model writes, and what is done about the facts that it invents. Knows nothing of who asks and how.

Each written sentence is checked against the text (app/tasks/faithfulness.py). One that fails gives way to the sentence
of the text that is nearest to it; if half fail, so does the summary, and sentences of the text are chosen instead.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, Field

from app.errors import InvalidInput, ModelNotReady, said
from app.tasks.characters import has_letter
from app.tasks.embeddings import FeatureExtraction, FeatureExtractionParameters, PassageInput
from app.tasks.faithfulness import Check, Facts, check, content_stems, is_english
from app.tasks.generation_schema import ChatMessage, Generation, GenerationInput, GenerationParameters
from app.tasks.lexrank import Floats
from app.tasks.quantities import quantities
from app.tasks.segmentation.marks import ENDING
from app.tasks.segmentation.words import joined
from app.tasks.sentences import Sentence, sentences
from app.tasks.view import Inquiry

WRITES = "text-generation"
MOST_TOKENS = 700  # of a text that is given to the writer; of a longer one its most telling sentences
TOKENS_OF_A_SENTENCE = 40
MOST_NEW_TOKENS = 400
MOST_SENTENCES = 20  # that a model is asked to write
GREEDY = GenerationParameters.model_validate({"temperature": 0.0})
DRAWN = GenerationParameters.model_validate({"temperature": 0.3, "seed": 0})
NUM_DRAWN = 2
SAME = 0.95  # cosine, or share of words, from which on two sentences of a summary say the same

Fallback = Literal["none", "sentences", "extractive"]


class SourcePlace(BaseModel):
    start: Annotated[int, Field(ge=0, description="where a sentence starts in the input, in characters")]
    end: Annotated[int, Field(ge=0, description="where it ends")]


class WrittenSentence(BaseModel):
    text: str
    generated: Annotated[bool, Field(description="whether a model wrote it; else it is a sentence of the input")]
    support: Annotated[list[SourcePlace], Field(description="sentences of the input which have most of its words")]
    unsupported: Annotated[
        list[str],
        Field(
            description="numbers and names that are not so in the input, of the written sentence that this one replaces"
        ),
    ]
    replaces: Annotated[
        str | None, Field(description="the written sentence that failed a check, and in whose place this one stands")
    ] = None


class WrittenSummary(BaseModel):
    """A summary that was asked of a model that writes. Checks find much of what is wrong, and not all."""

    summary_text: str
    generated: Annotated[Literal[True], Field(description="by a model, as far as `fallback` and its sentences say")] = (
        True
    )
    verified: Annotated[Literal[False], Field(description="never: nobody verifies what it says")] = False
    fallback: Annotated[
        Fallback,
        Field(
            description="none: all sentences are written; sentences: some are those of the input, or left out, "
            "because what was written failed a check; extractive: all are those of the input"
        ),
    ]
    sentences: list[WrittenSentence]


@dataclass(frozen=True, slots=True)
class ReadToWrite:
    """A text as its summarizer read it: sentences, their embeddings [n, width], and facts; and what it chose of them.

    `extract` is the extractive summary, `given` what the writer gets to read; both are indices in order.
    """

    sentences: Sequence[Sentence]
    embeddings: Floats
    source: Facts
    extract: Sequence[int]
    given: Sequence[int]

    @property
    def can_be_written(self) -> bool:
        return len(self.sentences) > 1 and is_english(joined(one.text for one in self.sentences))


class Judged(NamedTuple):
    text: str
    check: Check


async def write(
    read: ReadToWrite, num_sentences: int, fits: Callable[[Sequence[str]], bool], embedder: FeatureExtraction,
    writer: str, ask: Inquiry,
) -> WrittenSummary:  # fmt: skip
    """A written summary of at most `num_sentences` that `fits`, but always of one.

    Raises ModelNotReady and InvalidInput that name the writer, and whatever it raises.
    """
    if not read.can_be_written:
        return extractive(read)
    prompt = prompt_of(joined(read.sentences[i].text for i in read.given), num_sentences)
    drafts = [judged(one, read, num_sentences) for one in await _written(prompt, GREEDY, 1, num_sentences, writer, ask)]
    if not _is_sound(drafts[0]):
        more = await _written(prompt, DRAWN, NUM_DRAWN, num_sentences, writer, ask)
        drafts += [judged(one, read, num_sentences) for one in more]
    best = max(drafts, key=lambda draft: sum(one.check.passes for one in draft))
    if 2 * sum(one.check.passes for one in best) < max(len(best), 1):
        return extractive(read)
    failing = [one.text for one in best if not one.check.passes]
    found = await ask.itself(
        embedder, [PassageInput(text=one) for one in failing], FeatureExtractionParameters(truncate=True)
    ) if failing else []  # fmt: skip
    return revised(read, best, dict(zip(failing, found, strict=True)), fits)


def prompt_of(text: str, num_sentences: int) -> list[ChatMessage]:
    asked = "one sentence" if num_sentences == 1 else f"at most {num_sentences} sentences"
    wish = (
        f"Summarise the text above in {asked}. Use only facts from the text, with names and numbers as they are there."
    )
    return [ChatMessage(role="user", content=f"{text}\n\n{wish}")]


async def _written(
    prompt: list[ChatMessage], how: GenerationParameters, number: int, num_sentences: int, writer: str, ask: Inquiry
) -> list[str]:
    """Answers to one prompt, without the sentence in which one was cut off."""
    most = min(TOKENS_OF_A_SENTENCE * num_sentences, MOST_NEW_TOKENS)
    items = [GenerationInput.model_validate({"messages": prompt, "sample": sample}) for sample in range(number)]
    try:
        found: list[Generation] = await ask.model(
            writer, WRITES, items, how.model_copy(update={"max_new_tokens": most})
        )
    except ModelNotReady as error:
        raise ModelNotReady(f'{error}; load {writer}, or send "mode": "extractive"') from None
    except InvalidInput as error:
        reason = said(error.details[0]) if error.details else str(error)
        raise InvalidInput(f"{writer}, which is to write the summary, does not take this text: {reason}").under(
            "text"
        ) from None
    return [one.generated_text if one.finish_reason == "stop" else _ended(one.generated_text) for one in found]


def _ended(text: str) -> str:
    found, _ = sentences(text, MOST_SENTENCES)
    if len(found) > 1 and not ENDING.search(found[-1].text):
        return text[: found[-1].start]
    return text


def judged(draft: str, read: ReadToWrite, num_sentences: int) -> list[Judged]:
    """The sentences of a draft, each once and checked. What announces others, and ends with a colon, is none."""
    found: list[Judged] = []
    known: list[frozenset[str]] = []
    for one in sentences(draft, MOST_SENTENCES)[0]:
        text, stems = joined([one.text]), content_stems(one.text) | quantities(one.text)
        if text.endswith(":") or not has_letter(text) or any(_overlap(stems, other) >= SAME for other in known):
            continue
        known.append(stems)
        found.append(Judged(text, check(text, read.source)))
    return found[:num_sentences]


def _overlap(left: frozenset[str], right: frozenset[str]) -> float:
    return len(left & right) / max(min(len(left), len(right)), 1)


def _is_sound(draft: Sequence[Judged]) -> bool:
    return bool(draft) and all(one.check.passes for one in draft)


def revised(
    read: ReadToWrite,
    draft: Sequence[Judged],
    embeddings: dict[str, Sequence[float]],
    fits: Callable[[Sequence[str]], bool],
) -> WrittenSummary:
    """The draft with the nearest sentence of the text for each that fails; without it, if the summary says that."""
    said_already = {i for one in draft if one.check.passes for i in one.check.support}
    made: list[WrittenSentence] = []
    for text, (passes, support, unsupported) in draft:
        if passes:
            made.append(_sentence(text, True, [read.sentences[i] for i in sorted(support)], []))
            continue
        nearest = int(np.argmax(read.embeddings @ np.asarray(embeddings[text], np.float32)))
        if nearest not in said_already:
            said_already.add(nearest)
            one = read.sentences[nearest]
            made.append(_sentence(joined([one.text]), False, [one], unsupported, replaces=text))
    while len(made) > 1 and not fits([one.text for one in made]):
        made.pop()
    is_whole = all(one.check.passes for one in draft)
    return _summary(made, "none" if is_whole else "sentences")


def extractive(read: ReadToWrite) -> WrittenSummary:
    chosen = [read.sentences[i] for i in read.extract]
    return _summary([_sentence(joined([one.text]), False, [one], []) for one in chosen], "extractive")


def _sentence(
    text: str, generated: bool, support: Sequence[Sentence], unsupported: list[str], replaces: str | None = None
) -> WrittenSentence:
    places = [SourcePlace(start=one.start, end=one.end) for one in support]
    return WrittenSentence(text=text, generated=generated, support=places, unsupported=unsupported, replaces=replaces)


def _summary(made: list[WrittenSentence], fallback: Fallback) -> WrittenSummary:
    return WrittenSummary(summary_text=joined(one.text for one in made), fallback=fallback, sentences=made)
