"""The procedure of written summaries: what is kept of a draft, what gives way, and to what. Drafts are given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from app.errors import InvalidInput, ModelNotReady
from app.tasks.abstractive import WrittenSummary
from app.tasks.generation_schema import Generation
from app.tasks.summarization import Summarization, SummarizationKernel
from app.tasks.summary_schema import ArticleInput, SummarizationConfig, SummarizationParameters
from app.tasks.view import View, predict_alone
from app.tensors import Placement, Tensors

pytestmark = pytest.mark.anyio

TEXT = (
    "The storm hit the coast near Plymouth on Sunday night and killed 12 people. "
    "The council did not approve the new bridge at its meeting. "
    "Anders Holm has tended the light on the cliff for 34 years. "
    "The ferry stays in the port until the wind has calmed down."
)
SOUND = "The storm killed 12 people near Plymouth."
WRONG = "The storm killed 13 people near Plymouth."


class CountWords:
    """Sentences are alike if they share words."""

    placement = Placement("cpu", "a test")

    def run(self, inputs: Tensors) -> Tensors:
        counts = np.zeros((len(inputs["input_ids"]), 64), np.float32)
        for row, (ids, mask) in enumerate(zip(inputs["input_ids"], inputs["attention_mask"], strict=True)):
            np.add.at(counts[row], ids[mask == 1] % 64, 1)
        return {"embedding": counts / np.linalg.norm(counts, axis=1, keepdims=True)}


class Asked:
    """Answers of the very kernel, and drafts for whoever is asked to write: the first one, and then the others."""

    def __init__(self, *drafts: str, finish: str = "stop") -> None:
        self.drafts, self.finish = drafts, finish
        self.prompts: list[str] = []
        self.error: Exception | None = None

    async def itself(self, view: View[Any], items: Sequence[Any], parameters: Any) -> list[Any]:
        sessions = {"model": CountWords()}
        return [predict_alone(view, sessions, item, parameters) for item in items]

    async def model(self, name: str, view: str, items: Sequence[Any], parameters: Any) -> list[Any]:
        if self.error:
            raise self.error
        assert (name, view) == ("writer", "text-generation")
        some = self.drafts[:1] if not self.prompts else self.drafts[1:]
        self.prompts += [item.messages[0].content for item in items]
        assert [item.sample for item in items] == [*range(len(items))]
        return [
            Generation(generated_text=one, finish_reason=self.finish, prompt_tokens=1, generated_tokens=1)  # type: ignore[arg-type]
            for one in some
        ]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Summarization:
    vocabulary = {word: i for i, word in enumerate(["[PAD]", "[UNK]", *sorted({*TEXT.replace(".", "").split()})])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    config = SummarizationConfig(tokenizer="t", max_tokens=32, writer="writer")
    return Summarization(SummarizationKernel(config, {"t": path}))


async def written(task: Summarization, asked: Asked, text: str = TEXT, **parameters: Any) -> WrittenSummary:
    chosen = SummarizationParameters.model_validate({"mode": "abstractive", **parameters})
    return await task.compose(ArticleInput(text=text), chosen, asked)


async def test_a_sound_draft_is_the_summary_and_no_other_is_asked_for(task: Summarization) -> None:
    asked = Asked(f"{SOUND} The council did not approve the bridge.")
    summary = await written(task, asked)
    assert (summary.generated, summary.verified, summary.fallback) == (True, False, "none")
    assert summary.summary_text == f"{SOUND} The council did not approve the bridge."
    assert len(asked.prompts) == 1
    assert TEXT in asked.prompts[0]
    first, second = summary.sentences
    assert (first.generated, first.unsupported) == (True, [])
    assert [TEXT[place.start : place.end].split()[:3] for place in first.support] == [["The", "storm", "hit"]]
    assert [TEXT[place.start : place.end].split()[:3] for place in second.support] == [["The", "council", "did"]]


async def test_a_sentence_that_fails_gives_way_to_the_nearest_of_the_text(task: Summarization) -> None:
    summary = await written(task, Asked(f"Anders Holm has tended the light for 34 years. {WRONG}", WRONG, WRONG))
    assert summary.fallback == "sentences"
    kept, chosen = summary.sentences
    assert (kept.generated, chosen.generated) == (True, False)
    assert chosen.text == TEXT[chosen.support[0].start : chosen.support[0].end]
    assert chosen.text.startswith("The storm hit the coast")
    assert chosen.unsupported == ["13"]
    assert WRONG not in summary.summary_text


async def test_a_sentence_that_fails_is_left_out_where_the_summary_says_that_already(task: Summarization) -> None:
    summary = await written(task, Asked(f"{SOUND} {WRONG}", WRONG, WRONG))
    assert (summary.summary_text, summary.fallback) == (SOUND, "sentences")


async def test_the_draft_with_most_sound_sentences_is_taken(task: Summarization) -> None:
    asked = Asked(WRONG, f"{SOUND} The ferry stays in the port.", SOUND)
    summary = await written(task, asked)
    assert (summary.summary_text, summary.fallback) == (f"{SOUND} The ferry stays in the port.", "none")
    assert len(asked.prompts) == 3


@pytest.mark.parametrize(
    "draft",
    [WRONG, f"{SOUND} {WRONG} The mayor of Rome resigned.", "", "!!!", "Here it is:", "图书馆开放。"],
)
async def test_the_summary_is_extractive_if_more_than_half_fails(task: Summarization, draft: str) -> None:
    summary = await written(task, Asked(draft, draft, draft))
    plain = predict_alone(
        task, {"model": CountWords()}, ArticleInput(text=TEXT), SummarizationParameters.model_validate({})
    )
    assert (summary.fallback, summary.generated, summary.verified) == ("extractive", True, False)
    assert summary.summary_text == plain.summary_text
    assert not any(one.generated for one in summary.sentences)


@pytest.mark.parametrize(
    "text",
    [
        "北山图书馆重新开放。修缮工程花费四千万元。馆长表示藏书会增加。",
        "Der Rat beschloss am Montag eine Brücke. Das Geld dafür fehlt bisher völlig. Holm wartet seit langem darauf.",
        "It rained.",
    ],
)
async def test_nobody_is_asked_to_write_of_what_cannot_be_checked(task: Summarization, text: str) -> None:
    asked = Asked("The storm is over.")
    summary = await written(task, asked, text)
    assert (summary.fallback, asked.prompts) == ("extractive", [])


async def test_of_a_long_text_the_most_telling_sentences_are_given(task: Summarization) -> None:
    text = " ".join(f"{TEXT} Report number {i} of the storm has no other news." for i in range(60))
    asked = Asked(SOUND)
    await written(task, asked, text)
    assert 500 < len(asked.prompts[0].split()) < 800


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"max_sentences": 1}, SOUND),
        ({"max_words": 8}, SOUND),
        ({"max_words": 1}, SOUND),
        ({"max_tokens": 8}, SOUND),
        ({"max_words": 20}, f"{SOUND} The ferry stays in the port."),
    ],
)
async def test_a_written_summary_is_as_short_as_asked(task: Summarization, limit: dict[str, int], said: str) -> None:
    draft = f"{SOUND} The ferry stays in the port."
    assert (await written(task, Asked(draft), **limit)).summary_text == said


async def test_a_sentence_that_was_cut_off_is_left_out(task: Summarization) -> None:
    summary = await written(task, Asked(f"{SOUND} The council did not approve the", finish="length"))
    assert (summary.summary_text, summary.fallback) == (SOUND, "none")


async def test_what_is_said_twice_is_taken_once(task: Summarization) -> None:
    assert (await written(task, Asked(f"{SOUND} {SOUND}"))).summary_text == SOUND


async def test_a_writer_that_is_not_there_is_named(task: Summarization) -> None:
    asked = Asked()
    asked.error = ModelNotReady("writer cannot answer")
    with pytest.raises(ModelNotReady, match='writer cannot answer; load writer, or send "mode": "extractive"'):
        await written(task, asked)


async def test_a_writer_that_does_not_take_the_text_is_named(task: Summarization) -> None:
    asked = Asked()
    asked.error = InvalidInput("the prompt has 900 tokens").under("messages")
    with pytest.raises(InvalidInput, match="writer, which is to write the summary, does not take this text") as caught:
        await written(task, asked)
    assert caught.value.details[0]["loc"] == ["text"]


def test_a_version_without_a_writer_says_so(task: Summarization) -> None:
    config = task.config.model_copy(update={"writer": None})
    kernel = task.kernel
    view = Summarization(kernel)
    view.config = config
    with pytest.raises(InvalidInput, match="names no model that writes") as caught:
        view.check(SummarizationParameters.model_validate({"mode": "abstractive"}))
    assert caught.value.details[0]["loc"] == ["mode"]


def test_without_an_engine_nothing_is_written(task: Summarization) -> None:
    parameters = SummarizationParameters.model_validate({"mode": "abstractive"})
    with pytest.raises(InvalidInput, match="asks other models"):
        predict_alone(task, {"model": CountWords()}, ArticleInput(text=TEXT), parameters)
