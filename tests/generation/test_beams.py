"""Beam search: what transformers finds, and what a plain search finds that knows no rows."""

from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import pytest
import torch
from generation_models import CONTEXT, END, tiny_network, write_tiny_decoder
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_translator import CONTEXT as PLACES
from tiny_translator import END as END_OF_SENTENCE
from tiny_translator import sessions, student

from app.errors import InferenceFailed
from app.generation.alone import generate_alone
from app.generation.beams import Search
from app.generation.prompt import Beams, Prompt, Sampling
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import Decoder, sequence_decoder_of, source_of

VOCABULARY = 12


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    graph = write_tiny_decoder(tmp_path_factory.mktemp("decoder") / "model.onnx")
    return load_onnx(graph, RuntimeOptions(device="cpu", threads=1)).decoder(8, CONTEXT)


def told(decoder: Decoder, prompt: Prompt) -> list[int]:
    return [token.id for token in generate_alone(decoder, prompt)]


@pytest.mark.parametrize("number", [2, 3, 4, 5])
@pytest.mark.parametrize("early_stopping", [False, True, "never"])
def test_it_finds_what_transformers_finds(decoder, number, early_stopping):
    network, found = tiny_network(), set[int]()
    for seed, penalty in product(range(4), (-0.5, 1.0, 2.0)):
        most = 1 if (seed, penalty) == (0, 1.0) else 24
        ids = tuple(np.random.default_rng(seed).integers(3, 250, 3 + seed).tolist())
        ends = (END, 9, 60)[: 1 + 2 * (seed % 2)]
        # Of noise an end comes late: some more tokens end it.
        ends = (*ends, *range(100, 130)) if seed > 1 else ends
        with torch.no_grad():
            [expected] = network.generate(
                torch.tensor([ids]),
                attention_mask=torch.ones(1, len(ids), dtype=torch.int64),
                num_beams=number,
                length_penalty=penalty,
                early_stopping=early_stopping,
                max_new_tokens=most,
                eos_token_id=list(ends),
                pad_token_id=0,
                do_sample=False,
            ).tolist()
        asked = Prompt(ids, most, frozenset(ends), beams=Beams(number, penalty, early_stopping))
        answer = told(decoder, asked)
        assert answer == expected[len(ids) :], (seed, penalty, most)
        found.add(len(answer))
    assert len(found) > 3


Way = tuple[float, tuple[int, ...]]


def plain(
    logits_of: Callable[[tuple[int, ...]], np.ndarray], beams: Beams, ends: Sequence[int], most: int
) -> tuple[int, ...]:
    """The same search, over ways and not over rows."""
    going: list[Way] = [(0.0, ())]
    ended: list[Way] = []
    reserve = max(2, 1 + len(ends)) * beams.number
    for length in range(1, most + 1):
        ways = []
        for score, ids in going:
            logits = logits_of(ids).astype(np.float64)
            shifted = logits - logits.max()
            logs = shifted - np.log(np.exp(shifted).sum())
            ways += [(score + float(log), (*ids, id)) for id, log in enumerate(logs)]
        ways = sorted(ways, reverse=True)[:reserve]
        over = [one[1][-1] in ends or length == most for one in ways]
        ended += [
            (score / length**beams.length_penalty, ids)
            for (score, ids), is_over in list(zip(ways, over, strict=True))[: beams.number]
            if is_over
        ]
        ended = sorted(ended, reverse=True)[: beams.number]
        going = [one for one, is_over in zip(ways, over, strict=True) if not is_over][: beams.number]
        if len(ended) == beams.number and going:
            hoped = most if beams.early_stopping == "never" and beams.length_penalty > 0 else length
            if beams.early_stopping is True or going[0][0] / hoped**beams.length_penalty <= ended[-1][0]:
                break
    return ended[0][1]


def random_logits(seed: int, ids: tuple[int, ...]) -> np.ndarray:
    logits = np.random.default_rng([seed, *ids]).normal(size=VOCABULARY).astype(np.float32)
    logits[0] += 0.2 * len(ids)
    return logits


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    number=st.integers(2, 5),
    penalty=st.sampled_from([-1.0, 0.0, 0.6, 1.0, 2.0]),
    early_stopping=st.sampled_from([False, True, "never"]),
    most=st.integers(1, 12),
)
def test_rows_that_go_on_from_each_other_are_the_ways_of_a_plain_search(seed, number, penalty, early_stopping, most):
    beams = Beams(number, penalty, early_stopping)
    search, rows = Search(Prompt((1,), most, frozenset({0}), beams=beams)), [()]
    while not (branch := search.choose(*(random_logits(seed, ids) for ids in rows))).answer:
        stays = {row for row, parent in enumerate(branch.parents) if row == parent}
        assert set(branch.parents) <= stays  # or a copy would be of what was written over
        rows = (
            [(*rows[p], id) for p, id in zip(branch.parents, branch.ids, strict=True)]
            if len(rows) > 1
            else [(id,) for id in branch.ids]
        )
        assert len(set(rows)) == number
    assert branch.answer == plain(lambda ids: random_logits(seed, ids), beams, [0], most)


@pytest.mark.parametrize("number", [2, 4, 8])
@pytest.mark.parametrize("source", [(7, 30, 9, 0), (80, 0), (5, 5, 31, 18, 100, 61, 3, 0)])
def test_a_translator_with_states_finds_what_a_plain_search_over_its_graph_finds(number, source):
    made, read = sessions(), source_of(np.array(source))
    one = sequence_decoder_of(made["encoder"], made["decoder"], 8, PLACES, PLACES)

    def logits_of(ids: tuple[int, ...]) -> np.ndarray:
        one.begin(0, read)
        return one.run(np.array([[student().start_id, *ids]]), 0, np.array([1 + len(ids)], np.int32))[0].copy()

    beams = Beams(number, 0.8)
    prompt = Prompt((student().start_id,), 12, frozenset({END_OF_SENTENCE}), source=read, beams=beams)
    assert tuple(told(one, prompt)) == plain(logits_of, beams, [END_OF_SENTENCE], 12)


def test_logits_that_are_no_numbers_and_too_few_tokens_are_faults():
    def search() -> Search:
        return Search(Prompt((1,), 9, frozenset({0}), beams=Beams(4)))

    with pytest.raises(InferenceFailed, match="no finite logits"):
        search().choose(np.array([1, np.nan, 2], np.float32))
    with pytest.raises(InferenceFailed, match="fewer tokens"):
        search().choose(np.array([1, 2, 3], np.float32))


def test_what_is_searched_for_is_not_drawn():
    with pytest.raises(ValueError, match="not drawn"):
        Prompt((1,), 9, beams=Beams(2), sampling=Sampling(0.5))
    with pytest.raises(ValueError, match="1 or more"):
        Prompt((1,), 9, beams=Beams(0))
