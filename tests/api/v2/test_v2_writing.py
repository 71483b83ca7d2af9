"""Answers as clients of V2 want them."""

import json
import struct

import numpy as np
from test_v2_reading_and_writing import answered, write

from app.api.v2.reading import Asked, OutputForm
from app.api.v2.writing import classified


def test_numbers_that_are_not_finite_are_texts_in_json():
    answer, length = write(Asked({}), answered(x=np.array([[np.nan, np.inf]], np.float32)))
    assert length is None
    assert json.loads(answer)["outputs"][0]["data"] == ["NaN", "Infinity"]


def test_classes_of_a_vector_are_one_row_and_names_of_another_number_are_left_out():
    assert classified(np.array([1, 3, 2]), 2, ["a", "b"]).tolist() == ["3:1", "2:2"]
    assert classified(np.array([[0.5, 0.5]], np.float16), 5, ["a", "b"]).tolist() == [["0.500000:0:a", "0.500000:1:b"]]


def test_each_output_has_its_form():
    forms = [OutputForm("b", True), OutputForm("a", False)]
    answer, length = write(Asked({}, forms, id=""), answered(a=np.array([1]), b=np.array([2])))
    head = json.loads(answer[:length])
    assert head["id"] == ""
    assert [one["name"] for one in head["outputs"]] == ["b", "a"]
    assert answer[length:] == struct.pack("<q", 2)
