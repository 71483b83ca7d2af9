"""Where times may stand in a transcript: as transformers' processors of logits say, step for step."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers.generation.logits_process import (
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    WhisperTimeStampLogitsProcessor,
)

from app.tasks.speech.rules import Order, Rules

VOCABULARY, END, START, UNTIMED, TIME = 1700, 60, 62, 80, 81
SUPPRESSED, NOT_FIRST = np.array([3, 4, 61, 70, UNTIMED]), np.array([5, END])


def rules(first=(), has_times=True) -> Rules:
    return Rules(Order(first, END, TIME, has_times, SUPPRESSED, NOT_FIRST))


@pytest.mark.parametrize("seed", range(30))
def test_with_times_the_same_tokens_are_forbidden_as_by_transformers(seed):
    random = np.random.default_rng(seed)
    config = SimpleNamespace(
        no_timestamps_token_id=UNTIMED,
        eos_token_id=END,
        bos_token_id=END,
        max_initial_timestamp_index=50,
        is_multilingual=False,
        _detect_timestamp_from_logprob=True,
    )
    processors = (
        SuppressTokensLogitsProcessor(SUPPRESSED.tolist()),
        SuppressTokensAtBeginLogitsProcessor(NOT_FIRST.tolist(), begin_index=1),
        WhisperTimeStampLogitsProcessor(config, begin_index=1),
    )
    own, written = rules(), [START]
    for _ in range(40):
        logits = 3 * random.standard_normal(VOCABULARY).astype(np.float32)
        logits[:TIME] += random.choice([0, 8])  # now text is likelier, now a time
        logits[END] += random.choice([0, 20], p=[0.95, 0.05])
        expected = torch.tensor(logits)[None]
        for process in processors:
            expected = process(torch.tensor([written]), expected)
        own.forbid(logits)
        np.testing.assert_array_equal(np.isfinite(logits), np.isfinite(expected[0].numpy()))
        token = int(logits.argmax())
        own.accept(token)
        written.append(token)
        if token == END:
            break
    assert any(token >= TIME for token in written)


def test_first_tokens_are_one_of_each_group():
    own = rules(first=[[64, 65], [66]], has_times=False)
    for allowed in ([64, 65], [66]):
        logits = np.random.default_rng(0).standard_normal(VOCABULARY).astype(np.float32)
        own.forbid(logits)
        assert np.flatnonzero(np.isfinite(logits)).tolist() == allowed
        own.accept(allowed[0])


def test_without_times_there_are_none_and_suppressed_tokens_never_come():
    own = rules(has_times=False)
    logits = np.zeros(VOCABULARY, np.float32)
    own.forbid(logits)
    forbidden = {*SUPPRESSED.tolist(), *NOT_FIRST.tolist(), *range(TIME, VOCABULARY)}
    assert set(np.flatnonzero(np.isneginf(logits)).tolist()) == forbidden
    own.accept(7)
    logits = np.zeros(VOCABULARY, np.float32)
    own.forbid(logits)
    assert np.isfinite(logits[NOT_FIRST]).all()
