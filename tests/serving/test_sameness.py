from typing import Any

import numpy as np

from app.serving.sameness import digest_of
from app.tasks.image_generation import ImageGeneration, ImageGenerationParameters, SeedInput
from app.tasks.summarization import ArticleInput, Summarization, SummarizationParameters
from app.tasks.text_classification import TextClassification, TextClassificationParameters, TextInput

TEXTS, PICTURES = TextClassification(None), ImageGeneration(None)  # type: ignore[arg-type]
NONE = TextClassificationParameters()


def of_text(text: str, parameters: Any = NONE, scope: str = "") -> bytes | None:
    return digest_of(TEXTS, TextInput(text=text), parameters, scope)


def test_equal_questions_have_one_digest_and_others_have_others():
    parameters = TextClassificationParameters(top_k=1)
    different = [of_text("good"), of_text("good "), of_text("good", parameters), of_text("good", NONE, "a caller")]
    assert of_text("good") == different[0]
    assert len({*different}) == len(different)
    assert None not in different


def test_a_parameter_that_is_said_may_mean_more_than_its_default():
    assert of_text("good", TextClassificationParameters(truncate=False)) != of_text("good")


def test_what_is_drawn_has_none_unless_a_seed_is_named():
    parameters = ImageGenerationParameters()
    assert digest_of(PICTURES, SeedInput(), parameters, "") is None
    assert digest_of(PICTURES, SeedInput(seed=7), parameters, "") is not None


def test_what_others_are_asked_for_has_none():
    summaries = Summarization.__new__(Summarization)
    read, written = (SummarizationParameters(mode=mode) for mode in ("extractive", "abstractive"))
    item = ArticleInput(text="The harbour was quiet.")
    assert digest_of(summaries, item, read, "") is not None
    assert digest_of(summaries, item, written, "") is None


def test_tensors_are_told_apart_by_type_shape_and_every_number():
    arrays = [np.zeros(4, np.float32), np.zeros((2, 2), np.float32), np.zeros(2), np.array([0, 0, 0, -0.0], np.float32)]
    assert len({digest_of(TEXTS, {"x": array}, None, "") for array in arrays}) == len(arrays)


def test_what_cannot_be_written_down_has_none():
    assert digest_of(TEXTS, lambda: 0, NONE, "") is None
