"""Decoders of sequences: what they know of each source and its answer stays in a slot."""

import numpy as np
import pytest
from random_sequence_models import POSITIONS, sessions_of
from tiny_translator import CONTEXT, graphs, sessions, student

from app.errors import InvalidArtifact
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import sequence_decoder_of, source_of

SOURCES = [source_of(np.array(ids)) for ids in ((7, 30, 9, 0), (80, 0), (5, 5, 31, 18, 100, 61, 3, 0), (200, 14, 0))]
STEPS = 10


def decoder(slots=4):
    made = sessions()
    return sequence_decoder_of(made["encoder"], made["decoder"], slots, CONTEXT, CONTEXT)


def alone(source, steps=STEPS):
    """The greedy tokens of a source, in a decoder of its own."""
    one, ids = decoder(1), [student().start_id]
    one.begin(0, source)
    for length in range(1, steps + 1):
        ids.append(int(one.run(np.array([ids[-1:]]), 0, np.array([length], np.int32))[0].argmax()))
    return ids[1:]


ALONE = [alone(source) for source in SOURCES]


def test_answers_depend_on_their_sources():
    assert len({tuple(ids) for ids in ALONE}) == len(SOURCES)


def test_a_row_knows_nothing_of_its_company():
    one = decoder()
    ids = [[student().start_id] for _ in SOURCES]
    for slot, source in enumerate(SOURCES):
        one.begin(slot, source)
    for length in range(1, STEPS + 1):
        logits = one.run(np.array([row[-1:] for row in ids]), 0, np.full(len(SOURCES), length, np.int32))
        for row, own in zip(ids, logits, strict=True):
            row.append(int(own.argmax()))
    assert [row[1:] for row in ids] == ALONE


def test_answers_of_different_lengths_step_together_in_slots_that_are_exchanged():
    one = decoder()
    ids = {}
    for slot in (2, 0):
        one.begin(slot, SOURCES[slot])
        ids[slot] = [student().start_id]
    for length in range(1, 4):  # one is ahead of the other
        ids[2].append(int(one.run(np.array([ids[2][-1:]]), 2, np.array([length], np.int32))[0].argmax()))
    one.swap(2, 1, 3)
    for step in range(1, STEPS - 2):
        logits = one.run(np.array([ids[0][-1:], ids[2][-1:]]), 0, np.array([step, step + 3], np.int32))
        for slot, own in zip((0, 2), logits, strict=True):
            ids[slot].append(int(own.argmax()))
    assert ids[2][1:] == ALONE[2]
    assert ids[0][1:] == ALONE[0][: STEPS - 3]


def test_sources_of_several_lengths_that_are_read_at_once_are_what_each_is_alone():
    one = decoder(4)
    assert len({source.length for source in SOURCES[:3]}) > 1
    one.begin_all([3, 0, 1], SOURCES[:3])
    for slot, expected in zip((3, 0, 1), ALONE, strict=False):
        ids = [student().start_id]
        for length in range(1, STEPS + 1):
            logits = one.run(np.array([ids[-1:]]), slot, np.array([length], np.int32))
            ids.append(int(logits[0].argmax()))
        assert ids[1:] == expected


def test_a_token_that_is_read_twice_changes_nothing():
    one = decoder(1)
    one.begin(0, SOURCES[0])
    ids = [student().start_id]
    for length in range(1, STEPS + 1):
        for _ in range(3):
            logits = one.run(np.array([ids[-1:]]), 0, np.array([length], np.int32))
        ids.append(int(logits[0].argmax()))
    assert ids[1:] == ALONE[0]


def test_what_is_read_again_at_once_is_what_was_read_step_by_step():
    one = decoder(2)
    one.begin(1, SOURCES[2])
    ids = [[student().start_id, *ALONE[2][:5]]]
    assert int(one.run(np.array(ids), 1, np.array([6], np.int32))[0].argmax()) == ALONE[2][5]


def test_a_copy_goes_on_by_itself_and_what_was_forgotten_begins_anew():
    one = decoder(3)
    one.begin(0, SOURCES[0])
    first = [student().start_id]
    one.run(np.array([first]), 0, np.array([1], np.int32))
    one.copy(0, 2, 1)
    one.forget(0)
    one.begin(0, SOURCES[1])
    assert int(one.run(np.array([ALONE[0][:1]]), 2, np.array([2], np.int32))[0].argmax()) == ALONE[0][1]
    assert int(one.run(np.array([first]), 0, np.array([1], np.int32))[0].argmax()) == ALONE[1][0]


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_growing_keys_and_values_are_copied_exchanged_and_forgotten(name):
    graphs = sessions_of(name)
    one = sequence_decoder_of(graphs["encoder"], graphs["decoder"], 3, POSITIONS, POSITIONS)
    alone = sequence_decoder_of(graphs["encoder"], graphs["decoder"], 1, POSITIONS, POSITIONS)
    ids, more = [2, 9, 40, 31], [17, 8]

    def expected(source):
        alone.begin(0, source)
        return alone.run(np.array([[*ids, *more]]), 0, np.array([6], np.int32))[0].copy()

    def gone_on(slot):
        return one.run(np.array([more]), slot, np.array([6], np.int32))[0].copy()

    for slot in (0, 2):
        one.begin(slot, SOURCES[slot])
        one.run(np.array([ids]), slot, np.array([4], np.int32))
    one.copy(0, 1, 4)
    one.forget(0)
    one.swap(0, 2, 4)
    assert np.array_equal(gone_on(1), expected(SOURCES[0]))
    assert np.array_equal(gone_on(0), expected(SOURCES[2]))
    one.begin(2, SOURCES[3])
    one.run(np.array([ids]), 2, np.array([4], np.int32))
    assert np.array_equal(gone_on(2), expected(SOURCES[3]))


def test_other_graphs_are_refused_with_the_reason():
    encoder, step = (load_onnx(graphs()[name], RuntimeOptions(device="cpu")) for name in ("encoder", "decoder"))
    with pytest.raises(InvalidArtifact, match="does not give the keys and values that the decoder takes"):
        sequence_decoder_of(step, step, 1, CONTEXT, CONTEXT)
    with pytest.raises(InvalidArtifact, match="no decoder of sequences: it must have an input positions"):
        sequence_decoder_of(encoder, encoder, 1, CONTEXT, CONTEXT)
    with pytest.raises(InvalidArtifact, match="this runtime keeps nothing"):
        sequence_decoder_of(encoder, object(), 1, CONTEXT, CONTEXT)
