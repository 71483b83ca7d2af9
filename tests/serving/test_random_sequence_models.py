"""T5, Marian, BART and their kin in the stepper: each answer is that of transformers' `generate`, in any company."""

import asyncio
from pathlib import Path

import pytest
import torch
from decoders import answer, stepping
from generation_models import tokenizer
from random_sequence_models import CONFIGS, POSITIONS, random_model, sessions_of

from app.tasks.sequence_kernel import SequenceConfig, SequenceKernel

pytestmark = pytest.mark.anyio

TEXTS = ["The harbour was quiet.", "No.", "A row of gulls sat along the wall that morning", "x", "Seven, at last!"]
MOST = 20
# What `generate` is told, beside greedy, and the same for the kernel; without the ids of the decoder's start.
OPTIONS = {
    "plain": ({}, {}),
    "bounded": (
        {
            "forced_bos_token_id": 77,
            "min_length": 12,
            "no_repeat_ngram_size": 2,
            "suppress_tokens": [*range(40, 60)],
        },
        {"answer_form": [77], "min_new_tokens": 10, "no_repeat_ngram_size": 2, "forbidden_ids": [*range(40, 60)]},
    ),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    path = tmp_path_factory.mktemp("files") / "tokenizer.json"
    tokenizer().save(str(path))
    return {"tokenizer.json": path}


def kernel_of(name, files, answer_form=(), **settings) -> SequenceKernel:
    start, end = CONFIGS[name].decoder_start_token_id, CONFIGS[name].eos_token_id
    return SequenceKernel(
        SequenceConfig(
            tokenizer="tokenizer.json",
            context=POSITIONS - 2,
            start_id=start,
            end_id=end,
            answer_form=[start, *answer_form],
            max_new_tokens=MOST,
            **settings,
        ),
        files,
    )


def generated(name, ids, begun, **options) -> list[int]:
    """The tokens after those that the answer begins after, as transformers writes them greedily."""
    most = MOST + len(begun) - 1
    found = random_model(name).generate(
        torch.tensor([ids]), **{"num_beams": 1, "do_sample": False, "max_new_tokens": most, **options}
    )
    assert found[0, : len(begun)].tolist() == begun
    return uncut(found[0, len(begun) :].tolist())


def uncut(ids) -> list[int]:
    """Without the last place that there is, at which some models are forced to end."""
    return ids[: MOST - 1]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", CONFIGS)
async def test_answers_are_those_of_generate(name, options, files):
    told, settings = OPTIONS[options]
    kernel, sessions = kernel_of(name, files, **settings), sessions_of(name)
    rows = [kernel.row(kernel.ids(text)) for text in TEXTS] * 2
    begun = list(kernel.prompt_of(rows[0]).ids)
    expected = [generated(name, row["input_ids"].tolist(), begun, **told) for row in rows[: len(TEXTS)]]
    assert len({tuple(one) for one in expected}) > 2
    async with stepping(kernel.decoder(sessions, 8), most_tokens=4 * kernel.most_reserved) as (stepper, seen):
        written = await asyncio.gather(*(answer(stepper, kernel.prompt_of(row)) for row in rows))
    assert [uncut([token.id for token in one]) for one in written] == expected * 2
    assert max(seen.rows) > 1
    if options == "plain":
        assert [uncut(one["output_ids"].tolist()) for one in kernel.run(sessions, rows[:3])] == expected[:3]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", ["t5", "marian", "bart"])
async def test_searches_find_what_generate_finds(name, options, files):
    told, settings = OPTIONS[options]
    found = set()
    for number, penalty in ((2, 1.0), (4, 0.5)):
        kernel = kernel_of(name, files, **settings, num_beams=number, length_penalty=penalty)
        rows = [kernel.row(kernel.ids(text)) for text in TEXTS]
        begun = list(kernel.prompt_of(rows[0]).ids)
        search = {"num_beams": number, "length_penalty": penalty, "forced_eos_token_id": None}
        expected = [generated(name, row["input_ids"].tolist(), begun, **told, **search) for row in rows]
        sessions = sessions_of(name)
        room = {"most_rows": 6, "most_tokens": 6 * kernel.most_reserved}
        async with stepping(kernel.decoder(sessions, 12), **room) as (stepper, _):
            written = await asyncio.gather(*(answer(stepper, kernel.prompt_of(row)) for row in rows))
        assert [uncut([token.id for token in one]) for one in written] == expected
        found |= {tuple(one) for one in expected}
    assert len(found) > 2
