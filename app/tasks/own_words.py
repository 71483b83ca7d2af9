"""Summaries that an encoder and a decoder write as a whole, in their own words."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from app.errors import InvalidInput
from app.generation.encoding import TooManyTokens, counted, encoded
from app.generation.prompt import Prompt
from app.tasks.sentences import sentences
from app.tasks.sequence_kernel import MOST_CHARACTERS_A_TOKEN, SequenceKernel
from app.tasks.summarization import Summarization
from app.tasks.summary_schema import (
    MAX_CHARACTERS,
    MAX_SENTENCES,
    ArticleInput,
    OwnWords,
    SummarizationParameters,
    UnsupportedWords,
)
from app.tasks.text import require_visible, to_unicode
from app.tasks.unsupported import unsupported_places
from app.tasks.view import Prepared, View
from app.tensors import Tensors

MOST_TOKENS = "max_new_tokens"  # in a row: of the answer that is asked for


class OwnWordsKernel(SequenceKernel):
    """A row is a text, and its answer the summary."""

    def prompt_of(self, row: Tensors) -> Prompt:
        prompt = super().prompt_of(row)
        if MOST_TOKENS not in row:
            return prompt
        return replace(prompt, max_new_tokens=min(prompt.max_new_tokens, int(row[MOST_TOKENS])))


class SummaryInOwnWords(View[OwnWordsKernel]):
    """Write a summary of each text. Names and numbers of it that the text does not have are told with their places;
    nobody verifies the rest."""

    # The same questions as to a model that chooses sentences.
    contract = replace(
        Summarization.contract,
        about=__doc__,
        example={"text": "Draws the folders of a disk as rings."},
        is_generated=True,
    )

    def __init__(self, kernel: OwnWordsKernel) -> None:
        super().__init__(kernel)
        self._around = len(kernel.ids(""))
        self.most_tokens = kernel.context - self._around
        """Of a text."""

    def check(self, parameters: SummarizationParameters) -> None:
        if parameters.mode == "extractive":
            raise InvalidInput(
                'this model writes its summaries, and chooses no sentences: leave mode out, or send "abstractive"'
            ).under("mode")
        for limit in ("max_sentences", "max_words"):
            if limit in parameters.model_fields_set and getattr(parameters, limit) is not None:
                raise InvalidInput(
                    "has no effect on what this model writes: leave it out, or send max_tokens, where a summary is "
                    "cut off that is longer"
                ).under(limit)

    def preprocess(self, item: ArticleInput, parameters: SummarizationParameters) -> Prepared:
        try:
            text = self._read_of(item.text, is_cut=parameters.truncate)
        except InvalidInput as error:
            raise error.under("text") from None
        row = self.kernel.row(self.kernel.ids(text))
        if parameters.max_tokens is not None:
            row[MOST_TOKENS] = np.array(parameters.max_tokens, np.int64)
        return Prepared([row], (text, len(text) < len(item.text)))

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: SummarizationParameters
    ) -> OwnWords:
        text, is_truncated = prepared.context
        ids = answers[0]["output_ids"].tolist()
        summary = self.kernel.text(ids)
        found, _ = sentences(text, MAX_SENTENCES)
        places = unsupported_places(summary, [one.text for one in found] or [text])
        return OwnWords(
            summary_text=summary,
            unsupported=places
            and [UnsupportedWords(start=start, end=end, text=summary[start:end]) for start, end in places],
            is_complete=self.kernel.is_ended(ids),
            is_truncated=is_truncated,
        )

    def _read_of(self, text: str, *, is_cut: bool) -> str:
        """The text, or with `is_cut` as much of its beginning as the model reads. Raises InvalidInput."""
        if len(text) > MAX_CHARACTERS:
            raise InvalidInput(f"the text has {len(text)} characters and a summary reads at most {MAX_CHARACTERS}")
        require_visible(text)
        text = to_unicode(text)
        if is_cut:
            text = self._beginning(text[: MOST_CHARACTERS_A_TOKEN * self.kernel.context])
        try:
            num_tokens = len(counted(self.kernel.tokenizer, text, self.most_tokens))
        except TooManyTokens as error:
            raise InvalidInput(
                f"the text has {error} and the model reads at most {self.most_tokens}; "
                'shorten it, or send "truncate": true in parameters to use its beginning'
            ) from None
        if not num_tokens:
            raise InvalidInput("the text is empty: it holds only characters that the model's tokenizer drops")
        return text

    def _beginning(self, text: str) -> str:
        """As much of it as the model reads, up to a blank if there is one."""
        while len(self.kernel.ids(text)) > self.kernel.context:
            ends = [end for _, end in encoded(self.kernel.tokenizer, text).offsets][: self.most_tokens]
            text = text[: min(ends[-1], len(text) - 1)]
            text = text[: text.rfind(" ")] if " " in text.strip() else text
        return text
