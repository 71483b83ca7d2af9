from dataclasses import replace
from itertools import pairwise

import pytest
from generation_models import CONTEXT, write_tiny_decoder

from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.serving.step_cost import CHUNKS, LARGEST_CHUNK, StepCost, measure_steps

COST = StepCost(base_s=1e-3, row_s=1e-4, token_s=1e-7, read_s=1e-5, past_s=1e-8)


def test_steps_of_more_rows_and_longer_ones_take_longer_and_none_takes_nothing():
    assert COST.step_s(0, 0) == 0
    assert COST.step_s(1, 10) < COST.step_s(2, 20) < COST.step_s(2, 2000)


def test_a_chunk_takes_longer_the_more_came_before_it():
    assert COST.chunk_s(64) < COST.chunk_s(64, 1000) < COST.chunk_s(128, 1000)


def test_a_prompt_takes_as_long_as_its_chunks():
    length = 2 * LARGEST_CHUNK + 10
    chunks = COST.chunk_s(LARGEST_CHUNK) + COST.chunk_s(LARGEST_CHUNK, LARGEST_CHUNK)
    assert COST.prompt_s(length) == pytest.approx(chunks + COST.chunk_s(10, 2 * LARGEST_CHUNK))


def test_the_largest_chunk_is_chosen_that_is_read_in_time():
    for small, large in pairwise(CHUNKS):
        between_s = (COST.chunk_s(small, 100) + COST.chunk_s(large, 100)) / 2
        assert COST.chunk_within(between_s, 100) == small
    assert COST.chunk_within(0.0, 0) == CHUNKS[0]
    assert COST.chunk_within(10.0, 0) == CHUNKS[-1]


def test_a_machine_that_is_slower_reads_smaller_chunks():
    within_s = COST.chunk_s(128) * 1.01
    assert replace(COST, slower=3.0).chunk_within(within_s, 0) < COST.chunk_within(within_s, 0) == 128


def test_it_learns_how_much_slower_passes_are_than_measured_and_believes_no_single_one():
    cost = replace(COST)
    cost.learn(1.0, 1000.0)
    assert cost.slower < 2
    for _ in range(200):
        cost.learn(1.0, 2.0)
    assert cost.slower == pytest.approx(2.0, abs=0.01)
    for _ in range(200):
        cost.learn(0.0, 0.0)
    assert cost.slower > 0


def test_its_terms_make_another_one_like_it():
    cost = replace(COST, slower=2.0)
    assert StepCost(**cost.measured) == COST


def test_what_is_measured_of_a_decoder_is_positive(tmp_path):
    session = load_onnx(write_tiny_decoder(tmp_path / "model.onnx"), RuntimeOptions(device="cpu", threads=1))
    cost = measure_steps(session.decoder(8, CONTEXT), 4)
    assert all(term > 0 for term in cost.measured.values())
    assert cost.slower == 1.0
