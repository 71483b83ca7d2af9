import gc

import numpy as np

from app.tasks.labels import best_labels


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
