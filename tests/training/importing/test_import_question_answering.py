"""Imported networks that find answers, in the service: asked by the real client of Hugging Face."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from huggingface_hub import InferenceClient
from huggingface_hub.errors import HfHubHTTPError
from importing_models import imported
from services import Service, running
from tiny_encoders import save_encoder
from transformers import AutoModelForQuestionAnswering, AutoTokenizer

from training.importing.text_draft import TEXTS

# One is told which tokens are the context's, the other is not.
KINDS = ("bert", "roberta")
QUESTION, SHORT, LONG = "Where is Anna?", TEXTS[1], " ".join(TEXTS[:6] + TEXTS[:3])
MOST_TOKENS = {"bert": 130, "roberta": 129}
STRIDE, LONGEST = 20, 6


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("answers")
    found = {name: save_encoder(root / name, name, "ForQuestionAnswering") for name in KINDS}
    assert [imported(folder) for folder in found.values()] == [0] * len(KINDS)
    return found


@pytest.fixture(scope="module")
def service(folders: dict[str, Path]) -> Iterator[Service]:
    with running(folders[KINDS[0]].parent / "models") as service:
        yield service


def known(folder: Path, context: str) -> tuple[int, list[tuple[int, int, float]], float]:
    """The parts of the context that transformers makes, all spans of tokens in them with scores, that of no answer."""
    network = AutoModelForQuestionAnswering.from_pretrained(folder)
    reader = AutoTokenizer.from_pretrained(folder)
    options = {"truncation": "only_second", "max_length": MOST_TOKENS[folder.name], "stride": STRIDE}
    read = reader(QUESTION, context, return_overflowing_tokens=True, return_offsets_mapping=True, **options)
    spans, nothing = [], 1.0
    for at in range(len(read.input_ids)):
        part = {name: read[name][at : at + 1] for name in reader.model_input_names}
        found = network(**reader.pad(part, return_tensors="pt"))
        places = [i for i, one in enumerate(read.sequence_ids(at)) if one == 1 or i == 0]
        starts, ends = (one[0][places].softmax(0).detach().numpy() for one in (found.start_logits, found.end_logits))
        nothing = min(nothing, float(starts[0] * ends[0]))
        offsets = [read.offset_mapping[at][place] for place in places]
        for i in range(1, len(places)):
            spans += [
                (offsets[i][0], offsets[j][1], float(starts[i] * ends[j]))
                for j in range(i, min(i + LONGEST, len(places)))
            ]
    return len(read.input_ids), sorted(spans, key=lambda one: -one[2]), nothing


@pytest.mark.parametrize(("context", "is_long"), [(SHORT, False), (LONG, True)])
@pytest.mark.parametrize("name", KINDS)
def test_the_client_gets_the_likeliest_span(
    name: str, context: str, is_long: bool, service: Service, folders: dict[str, Path]
) -> None:
    client = InferenceClient(model=f"{service.url}/hf/models/{name}")
    options: Any = {"max_answer_len": LONGEST, "doc_stride": STRIDE, "align_to_words": False}
    found = client.question_answering(QUESTION, context, **options)
    parts, (best, *_), nothing = known(folders[name], context)
    assert (parts > 1) == is_long
    assert (found.start, found.end) == best[:2]
    assert found.score == pytest.approx(best[2], abs=1e-4)
    assert found.answer == context[found.start : found.end] != ""
    several = client.question_answering(QUESTION, context, top_k=100, handle_impossible_answer=True, **options)
    assert isinstance(several, list)
    (none,) = [one for one in several if one.answer == ""] or [None]
    assert none is None or none.score == pytest.approx(nothing, abs=1e-4)
    assert np.all(np.diff([one.score for one in several]) <= 0)
    assert len({(one.start, one.end) for one in several}) == len(several) > 10


def test_an_answer_is_made_of_whole_words(service: Service) -> None:
    client = InferenceClient(model=f"{service.url}/hf/models/bert")
    answers = client.question_answering(QUESTION, SHORT, top_k=50)
    assert len(answers) > 5
    assert all(not (one.answer + SHORT[one.end : one.end + 1])[-2:].isalpha() for one in answers)
    assert all(not SHORT[max(one.start - 1, 0) : one.start + 1].isalpha() for one in answers if one.start)


def test_what_cannot_be_read_is_refused_where_it_stands(service: Service) -> None:
    address = f"{service.url}/v1/models/bert/predict"

    def refusal(question: str, context: str) -> Any:
        reply = httpx.post(address, json={"inputs": [{"question": question, "context": context}]})
        assert reply.status_code == 422
        return reply.json()["details"][0]

    assert refusal(" ", SHORT)["loc"] == ["inputs", 0, "question"]
    assert refusal(QUESTION, "")["loc"] == ["inputs", 0, "context"]
    assert "8 are needed" in refusal("where " * 200, SHORT)["msg"]
    assert "at most 64 are" in refusal(QUESTION, "a ferry " * 9000)["msg"]
    with pytest.raises(HfHubHTTPError, match="max_seq_len would have no effect here"):
        InferenceClient(model=f"{service.url}/hf/models/bert").question_answering(QUESTION, SHORT, max_seq_len=64)
