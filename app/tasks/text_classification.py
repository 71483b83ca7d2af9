"""Label a text, for example with its sentiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from app.errors import InvalidInput
from app.tasks.contract import Contract
from app.tasks.labels import LOGITS, SCORES, FunctionToApply, Label, best_labels, confidence
from app.tasks.schema import Schema
from app.tasks.text import TextKernel
from app.tasks.view import Prepared, View
from app.tensors import Array, Tensors

QUICK_CHARACTERS = 1000  # are tokenized in about 0.3 ms


class TextClassificationConfig(Schema):
    """The graph maps `input_ids` and `attention_mask` [batch, tokens] to `logits` [batch, labels].

    With `has_types` it also takes `token_type_ids`, which are zeros.
    """

    labels: Annotated[list[str], Field(min_length=1)]
    tokenizer: str
    max_tokens: Annotated[int, Field(ge=8, le=1_000_000)]
    function_to_apply: Annotated[
        FunctionToApply, Field(description="from logits to scores, as the model was trained: none of a regression")
    ] = "softmax"
    is_applied: Annotated[bool, Field(description="whether the graph applies the function: its output is scores")] = (
        False
    )
    output: Annotated[str, Field(description="the output that has a number for each label")] = "logits"
    has_types: bool = False


class TextInput(Schema):
    text: Annotated[str, Field(description="any Unicode text", examples=["what a good film"])]


class TextClassificationParameters(Schema):
    top_k: Annotated[int | None, Field(ge=1, le=10_000, description="how many labels to return; all by default")] = None
    truncate: Annotated[
        bool, Field(description="use the beginning of a text that is too long, instead of refusing it")
    ] = False
    function_to_apply: Annotated[
        FunctionToApply | None,
        Field(
            description="from logits to scores: softmax over all labels, sigmoid of each by itself, or none, which "
            "leaves the logits as they are; by default the one that the model was trained with, mostly softmax"
        ),
    ] = None


class TextClassificationKernel(TextKernel):
    Config = TextClassificationConfig

    def __init__(self, config: TextClassificationConfig, files: Mapping[str, Path]) -> None:
        super().__init__(config, files, has_types=config.has_types)
        self.labels, self.function_to_apply = config.labels, config.function_to_apply
        self._output, self._is_applied = config.output, config.is_applied
        self.class_names = {self._output: self.labels}

    def scores(self, answer: Tensors, function: FunctionToApply | None = None) -> Array:
        """Scores of the labels, [labels], by `function`; by that with which the model was trained, if it is None."""
        numbers = answer[self._output]
        if self._is_applied and function in (None, self.function_to_apply):
            return numbers
        logits = LOGITS[self.function_to_apply](numbers) if self._is_applied else numbers
        return SCORES[function or self.function_to_apply](logits)


class TextClassification(View[TextClassificationKernel]):
    """Label each text; every label comes with its probability, best first."""

    contract = Contract(
        "text-classification",
        __qualname__,
        __doc__,
        Input=TextInput,
        Parameters=TextClassificationParameters,
        Output=list[Label],
        example={"text": "what a good film"},
        body_bytes=4_000_000,
        confidence=confidence,
    )

    def answers_quickly(self, answers: Sequence[Tensors]) -> bool:
        return True

    def is_quick(self, item: TextInput) -> bool:
        return len(item.text) <= QUICK_CHARACTERS

    def foreseen(self, item: TextInput, parameters: TextClassificationParameters) -> Sequence[int]:
        return self.kernel.foreseen(item.text, is_cut=parameters.truncate)

    def preprocess(self, item: TextInput, parameters: TextClassificationParameters) -> Prepared:
        try:
            return Prepared([self.kernel.encoder.encode(item.text, truncate=parameters.truncate)])
        except InvalidInput as error:
            raise error.under("text") from None

    def postprocess(
        self, prepared: Prepared, answers: Sequence[Tensors], parameters: TextClassificationParameters
    ) -> list[Label]:
        scores = self.kernel.scores(answers[0], parameters.function_to_apply)
        return best_labels(scores, self.kernel.labels, parameters.top_k)
