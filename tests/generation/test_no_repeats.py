"""Runs of tokens that may come once only."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import NoRepeatNGramLogitsProcessor

from app.generation.no_repeats import NoRepeats

VOCABULARY = 4


@given(st.integers(1, 4), st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=20))
def test_what_is_forbidden_is_what_transformers_forbids(size: int, ids: list[int]) -> None:
    constraint = NoRepeats(size, ids[:1])
    for end in range(1, len(ids) + 1):
        found = np.zeros(VOCABULARY, np.float32)
        constraint.forbid(found)
        expected = NoRepeatNGramLogitsProcessor(size)(torch.tensor([ids[:end]]), torch.zeros(1, VOCABULARY))[0]
        assert np.array_equal(found, expected.numpy())
        if end < len(ids):
            constraint.accept(ids[end])
