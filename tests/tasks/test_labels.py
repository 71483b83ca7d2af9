import gc

import numpy as np
import pytest

from app.tasks.image_classification import ImageClassificationParameters
from app.tasks.labels import Label, best_labels, confidence, has_probabilities
from app.tasks.tabular_classification import TabularClassificationParameters
from app.tasks.text_classification import TextClassificationParameters


def test_a_label_is_one_object_for_the_garbage_collector():
    names = [f"class {i}" for i in range(1000)]
    scores = np.arange(1000) / 1000
    best_labels(scores, names, None)
    gc.collect()
    before = len(gc.get_objects())
    labels = best_labels(scores, names, None)
    made = len(gc.get_objects()) - before
    assert [labels[0].label, labels[-1].label] == ["class 999", "class 0"]
    assert made < 1200  # a model of pydantic is several objects, and a million of them stop everything for a while


@pytest.mark.parametrize(
    ("parameters", "known"),
    [
        (TextClassificationParameters(), 0.9),
        (TextClassificationParameters(function_to_apply="softmax", top_k=1), 0.9),
        (TextClassificationParameters(function_to_apply="sigmoid"), None),
        (TextClassificationParameters(function_to_apply="none"), None),
        (ImageClassificationParameters(), 0.9),
        (TabularClassificationParameters(), 0.9),
    ],
)
def test_a_classifier_is_as_sure_as_its_best_label_is_probable_unless_other_scores_are_asked_for(parameters, known):
    assert confidence([Label("a", 0.9), Label("b", 0.1)], parameters) == known


@pytest.mark.parametrize(
    ("config", "known"),
    [
        ({}, True),
        ({"function_to_apply": "softmax"}, True),
        ({"function_to_apply": "sigmoid"}, False),
        ({"function_to_apply": "none"}, False),
        ({"graph": {"function_to_apply": "softmax"}}, True),
        ({"graph": {"function_to_apply": "sigmoid"}}, False),
        ({"graph": None}, True),
    ],
)
def test_scores_of_each_class_by_itself_are_no_probabilities_of_all_together(config, known):
    assert has_probabilities(config) is known
