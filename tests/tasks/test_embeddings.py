from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WORDS, word_tokenizer
from pydantic import ValidationError

from app.errors import InferenceFailed, InvalidInput
from app.tasks import TASKS
from app.tasks.embeddings import (
    EmbeddingConfig,
    FeatureExtraction,
    FeatureExtractionKernel,
    FeatureExtractionParameters,
    SentenceSimilarity,
)
from app.tasks.summarization import SummarizationKernel
from app.tasks.summary_schema import SummarizationConfig
from app.tasks.view import predict_json
from app.tensors import Placement, Tensors

GOOD, BAD, FILM = WORDS.index("good"), WORDS.index("bad"), WORDS.index("film")


class CountWords:
    """The embedding of a text counts each word of the vocabulary."""

    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        return {
            "embedding": ((ids[..., None] == np.arange(len(WORDS))) & (mask[..., None] == 1)).sum(1, dtype=np.float32)
        }


class NotNumbers(CountWords):
    def run(self, inputs: Tensors) -> Tensors:
        return {"embedding": super().run(inputs)["embedding"] * np.nan}


SESSIONS = {"model": CountWords()}


def config(**fields: Any) -> EmbeddingConfig:
    return EmbeddingConfig(tokenizer="t", max_tokens=8, **fields)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {"t": word_tokenizer(tmp_path / "t.json")}


def embed(task: FeatureExtraction, text: str, **parameters: Any) -> list[float]:
    vector: list[float] = predict_json(task, SESSIONS, {"text": text}, parameters)
    return vector


def test_a_vector_has_length_one_unless_that_is_declined(files):
    task = FeatureExtraction(FeatureExtractionKernel(config(), files))
    assert np.linalg.norm(embed(task, "good good film")) == pytest.approx(1)
    raw = embed(task, "good good film", normalize=False)
    assert (raw[GOOD], raw[FILM], sum(raw)) == (2, 1, 3)


def test_a_graph_of_unit_vectors_cannot_give_others(files):
    with pytest.raises(InvalidInput, match="normalize: the graph gives vectors of length one"):
        FeatureExtraction(FeatureExtractionKernel(config(has_unit_length=True), files)).check(
            FeatureExtractionParameters(normalize=False)
        )


def test_fewer_dimensions_are_the_first_ones_normalized_again(files):
    task = FeatureExtraction(FeatureExtractionKernel(config(), files))
    assert embed(task, "good good film film", dimensions=GOOD + 1) == [0] * GOOD + [1]
    assert embed(task, "film", dimensions=2) == [0, 0]  # nothing is left to scale
    with pytest.raises(InvalidInput, match=f"dimensions: the model's vectors have {len(WORDS)} numbers"):
        embed(task, "good", dimensions=len(WORDS) + 1)


@pytest.mark.parametrize(("direction", "kept"), [("right", GOOD), ("left", BAD)])
def test_a_text_that_is_too_long_is_cut_at_the_asked_end(files, direction, kept):
    text = "good " * 8 + "bad " * 8
    vector = embed(
        FeatureExtraction(FeatureExtractionKernel(config(), files)), text, truncate=True, truncation_direction=direction
    )
    assert vector[kept] == 1


def test_of_a_text_of_a_million_words_the_asked_end_is_read(files):
    text = "good " * 500_000 + "bad " * 500_000
    task = FeatureExtraction(FeatureExtractionKernel(config(), files))
    assert embed(task, text, truncate=True, truncation_direction="left")[BAD] == 1
    assert embed(task, text, truncate=True)[GOOD] == 1


def test_a_text_that_is_too_long_is_refused_unless_it_may_be_cut(files):
    with pytest.raises(InvalidInput, match="text: the text has 9 tokens and the model reads at most 8"):
        embed(FeatureExtraction(FeatureExtractionKernel(config(), files)), "good " * 9)


def test_a_direction_without_truncation_would_have_no_effect_and_is_refused():
    with pytest.raises(ValidationError, match="no effect without"):
        FeatureExtractionParameters(truncation_direction="left")


def test_a_prompt_is_put_before_the_text(files):
    task = FeatureExtraction(FeatureExtractionKernel(config(prompts={"query": "what a "}), files))
    assert embed(task, "good", prompt_name="query") == embed(task, "what a good")
    with pytest.raises(InvalidInput, match="prompt_name: no prompt 'passage'; there are: query"):
        task.check(FeatureExtractionParameters(prompt_name="passage"))


def test_sentences_are_compared_with_the_source_in_their_order(files):
    item = {"source_sentence": "good film", "sentences": ["bad", "film good", "good"]}
    cosines = predict_json(SentenceSimilarity(FeatureExtractionKernel(config(), files)), SESSIONS, item, {})
    assert cosines == pytest.approx([0, 1, 0.5**0.5])


def test_an_empty_sentence_is_named(files):
    item = {"source_sentence": "good", "sentences": ["bad", " "]}
    with pytest.raises(InvalidInput, match=r"sentences\.1: the text is empty"):
        predict_json(SentenceSimilarity(FeatureExtractionKernel(config(), files)), SESSIONS, item, {})


def test_a_text_of_which_nothing_can_be_seen_is_empty_whatever_the_prompt(files):
    task = FeatureExtraction(FeatureExtractionKernel(config(prompts={"query": "what a "}), files))
    for parameters in ({}, {"prompt_name": "query"}):
        with pytest.raises(InvalidInput, match="text: the text is empty: none of its characters can be seen"):
            embed(task, "\u200b", **parameters)
    for item in ({"source_sentence": "\ufe0f", "sentences": ["good"]}, {"source_sentence": "a", "sentences": ["\0"]}):
        with pytest.raises(InvalidInput, match="the text is empty"):
            predict_json(SentenceSimilarity(FeatureExtractionKernel(config(), files)), SESSIONS, item, {})


def test_a_vector_that_is_not_finite_is_a_failure(files):
    with pytest.raises(InferenceFailed, match="holds no numbers"):
        predict_json(
            FeatureExtraction(FeatureExtractionKernel(config(), files)), {"model": NotNumbers()}, {"text": "good"}, {}
        )


def test_a_summarizer_embeds_too_with_the_same_kernel(files):
    kernel = SummarizationKernel(SummarizationConfig(tokenizer="t", max_tokens=8), files)
    _, embeddings, _, similarity, _ = TASKS["summarization"].views(kernel)
    assert embed(embeddings, "good")
    assert embeddings.kernel is similarity.kernel is kernel
    with pytest.raises(InvalidInput, match="normalize: the graph gives vectors of length one"):
        embeddings.check(FeatureExtractionParameters(normalize=False))
