"""Networks that answer a question with a part of a text.

Transformers 5 has no pipeline for them any more: what it had is computed here of its network and its tokenizer, span by
span.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from app.errors import InvalidInput
from app.tasks.question_answering import (
    QuestionAnswering,
    QuestionAnsweringConfig,
    QuestionAnsweringKernel,
    QuestionAnsweringParameters,
    QuestionInput,
)
from training.importing.folder import ModelFolder
from training.importing.network import TOKENIZER, TextModel, load_text_model
from training.importing.text_draft import TEXTS, text_draft
from training.importing.text_graphs import Texts
from training.importing.text_pairs import has_types
from training.recipe import Draft, Run

QUESTION = "Who was where, and when?"
CONTEXT = 1  # the number of the second text


def make(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    model = load_text_model(folder, "AutoModelForQuestionAnswering")
    config = QuestionAnsweringConfig(tokenizer=TOKENIZER, max_tokens=model.max_tokens, has_types=has_types(model))
    kernel = QuestionAnsweringKernel(config, {TOKENIZER: model.save_tokenizer(run.workdir)})

    def expected(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        found = sorted(_spans(model, item, parameters.get("max_answer_len", 15)), key=lambda one: -one["score"])
        best = {(one["start"], one["end"]): one for one in reversed(found)}  # of two that are one after all, the better
        answers = [one for one in found if best[one["start"], one["end"]] is one]
        if not parameters.get("handle_impossible_answer"):
            answers = [one for one in answers if one["answer"]]
        return answers[: parameters.get("top_k", 1)]

    view = QuestionAnswering(kernel)
    items = [item for text in TEXTS if _is_read_at_once(view, item := {"question": QUESTION, "context": text})]
    return text_draft(
        model,
        run,
        view,
        PairSpans(model.network) if has_types(model) else Spans(model.network),
        "logits",
        items,
        expected,
        config=config.model_dump(),
        about="Answers a question with a part of a text",
        parameters=[{}, {"top_k": 3, "max_answer_len": 4, "handle_impossible_answer": True}],
    )


def _is_read_at_once(view: QuestionAnswering, item: Mapping[str, Any]) -> bool:
    try:
        return len(view.preprocess(QuestionInput.model_validate(item), QuestionAnsweringParameters()).rows) == 1
    except InvalidInput:  # the tokenizer leaves nothing of it
        return False


class Spans(Texts):
    """Logits [batch, tokens, 2] of two texts in each row: whether an answer starts, and ends, with each token."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        found = self.network(input_ids=input_ids, attention_mask=attention_mask)
        return torch.stack([found.start_logits, found.end_logits], dim=-1)


class PairSpans(Texts):
    """The same, of a network that is told which tokens are of the second text."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:  # type: ignore[override]
        found = self.network(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        return torch.stack([found.start_logits, found.end_logits], dim=-1)


def _spans(model: TextModel, item: Mapping[str, Any], longest: int) -> Iterator[dict[str, Any]]:
    """Every answer that a short context may hold, and none, with its score and place."""
    read = model.reader(item["question"], item["context"], return_tensors="pt")
    names = ["input_ids", "attention_mask", *(["token_type_ids"] if has_types(model) else [])]
    found, sequences = model.network(**{name: read[name] for name in names}), read.sequence_ids(0)
    places = [at for at, one in enumerate(sequences) if one == CONTEXT or at == 0]
    starts, ends = (logits[0][places].softmax(0).numpy() for logits in (found.start_logits, found.end_logits))
    yield {"answer": "", "score": float(starts[0] * ends[0]), "start": 0, "end": 0}
    for first in range(1, len(places)):
        for last in range(first, min(first + longest, len(places))):
            words = (read.token_to_word(0, places[at]) for at in (first, last))
            spans = [read.word_to_chars(0, word, CONTEXT) for word in words]
            start, end = spans[0].start, spans[1].end
            score = float(np.float32(starts[first]) * ends[last])
            yield {"answer": item["context"][start:end], "score": score, "start": start, "end": end}
