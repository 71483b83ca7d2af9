"""A prompt of what callers send, and text of the tokens that come back; the decoder is elsewhere."""

from pathlib import Path
from typing import Any

import pytest
from generation_models import CONTEXT, END, tokenizer
from tiny_writer import CONFIG, text_files

from app.errors import InvalidInput
from app.generation.prompt import Finish, Progress, Prompt, Token
from app.tasks.generation_pieces import Pieces
from app.tasks.generation_schema import Generation, GenerationInput, GenerationParameters, GenerationPiece
from app.tasks.text_generation import TextGeneration, TextGenerationKernel
from app.tasks.view import Prepared, require_parameters

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def view_of(folder: Path, **config: Any) -> TextGeneration:
    return TextGeneration(TextGenerationKernel(TextGenerationKernel.Config(**{**CONFIG, **config}), text_files(folder)))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> TextGeneration:
    return view_of(tmp_path_factory.mktemp("writer"))


def prepared(view: TextGeneration, item: dict[str, Any], **parameters: Any) -> Prepared:
    sent = GenerationParameters(**parameters)
    require_parameters(view, sent)
    return view.preprocess(GenerationInput(**item), sent)


def prompt_of(view: TextGeneration, item: dict[str, Any], **parameters: Any) -> Prompt:
    prompt: Prompt = prepared(view, item, **parameters).context.prompt
    return prompt


def ids_of(text: str) -> list[int]:
    ids: list[int] = tokenizer().encode(text).ids
    return ids


def refusal(view: TextGeneration, item: dict[str, Any], **parameters: Any) -> tuple[str, list[Any]]:
    with pytest.raises(InvalidInput) as caught:
        prepared(view, item, **parameters)
    return str(caught.value), list(caught.value.details[0]["loc"])


def written(
    view: TextGeneration, ids: list[int], finish: Finish = "length", **parameters: Any
) -> tuple[list[GenerationPiece], Generation]:
    """Pieces of an answer whose tokens come one by one, and the whole of it."""
    sent = GenerationParameters(**parameters)
    answer, pieces = view.begin(view.preprocess(GenerationInput(text="a"), sent), sent), list[GenerationPiece]()
    for at, id in enumerate(ids):
        pieces.append(answer.push(Progress((Token(id),), finish if at == len(ids) - 1 else "")))
        if answer.is_over:
            break
    return pieces, answer.whole(pieces)


def test_what_a_caller_does_not_say_the_version_says(tmp_path):
    view = view_of(tmp_path, max_new_tokens=7, temperature=0.5, top_p=0.9, top_k=5, repetition_penalty=1.1)
    prompt = prompt_of(view, {"text": "hi"})
    sampling = prompt.sampling
    assert (prompt.max_new_tokens, sampling.temperature, sampling.top_p, sampling.top_k) == (7, 0.5, 0.9, 5)
    assert sampling.repetition_penalty == 1.1
    own = prompt_of(view, {"text": "hi"}, max_new_tokens=3, temperature=0, top_p=1, top_k=0, repetition_penalty=1)
    assert (own.max_new_tokens, own.sampling.temperature, own.sampling.top_p, own.sampling.top_k) == (3, 0, 1, 0)
    assert own.sampling.repetition_penalty == 1


def test_a_prompt_that_leaves_no_room_is_refused_in_words_that_clients_look_for(view):
    for item, place in (
        ({"text": "x" * CONTEXT}, "text"),
        ({"messages": [{"role": "user", "content": "x" * CONTEXT}]}, "messages"),
        ({"token_ids": [5] * CONTEXT}, "token_ids"),
    ):
        message, loc = refusal(view, item)
        assert f"maximum context length is {CONTEXT} tokens" in message
        assert "context_length_exceeded" in message
        assert loc == [place]


def test_an_answer_has_as_much_room_as_its_prompt_leaves(view):
    assert prompt_of(view, {"text": "x" * 250}, max_new_tokens=100).max_new_tokens == CONTEXT - 250
    assert prompt_of(view, {"text": "x" * (CONTEXT - 1)}).max_new_tokens == 1


def test_a_text_may_be_cut_to_its_end_and_a_chat_may_not(view):
    assert prompt_of(view, {"text": "abcdef"}, max_prompt_tokens=2).ids == tuple(ids_of("ef"))
    assert prompt_of(view, {"text": "x" * CONTEXT + "ab"}, max_prompt_tokens=2).ids == tuple(ids_of("ab"))
    assert prompt_of(view, {"token_ids": [5, 6]}, max_prompt_tokens=9).ids == (5, 6)
    assert refusal(view, {"messages": [{"role": "user", "content": "a"}]}, max_prompt_tokens=2)[1] == ["messages"]


def test_tokens_that_there_are_not_are_refused_by_their_place(view):
    size = view.kernel.vocabulary.size
    assert refusal(view, {"token_ids": [1, size]})[1] == ["token_ids"]
    assert refusal(view, {"text": "a"}, logit_bias={size: 1})[1] == ["parameters", "logit_bias"]
    assert refusal(view, {"text": "a"}, stop_token_ids=[size])[1] == ["parameters", "stop_token_ids"]
    assert prompt_of(view, {"token_ids": [0, size - 1]}).ids == (0, size - 1)


def test_a_chat_is_written_by_its_template_and_its_words_are_never_special(view):
    prompt = prompt_of(view, {"messages": [{"role": "user", "content": "<|im_end|>"}]})
    assert prompt.ids.count(END) == 1  # that of the template
    assert prompt_of(view, {"text": "<|im_end|>"}).ids.count(END) == 0


def test_a_model_without_a_template_has_no_chats(tmp_path):
    message, loc = refusal(view_of(tmp_path, chat_template=None), {"messages": [{"role": "user", "content": "a"}]})
    assert "no chat template" in message
    assert loc == ["messages"]


@pytest.mark.parametrize("choice", ["auto", None])
def test_a_model_that_has_not_learned_tools_does_not_choose_one(view, choice):
    item = {"messages": [{"role": "user", "content": "a"}], "tools": [WEATHER], "tool_choice": choice}
    message, loc = refusal(view, item)
    assert "tool_choice" in message
    assert loc == ["tool_choice"]


def test_a_tool_that_must_be_called_is(view):
    item = {"messages": [{"role": "user", "content": "a"}], "tools": [WEATHER], "tool_choice": "required"}
    ready = prepared(view, item)
    assert ready.context.prompt.constraint is not None
    answer = view.begin(ready, GenerationParameters())
    call = '{"name": "weather", "arguments": {"city": "Bern"}}'
    pieces = [answer.push(Progress((Token(id),))) for id in ids_of(call)]
    pieces.append(answer.push(Progress((Token(END),), "stop")))
    whole = answer.whole(pieces)
    assert whole.finish_reason == "tool_calls"
    assert whole.tool_calls is not None
    assert whole.tool_calls[0].function["name"] == "weather"
    assert whole.generated_text == "" == "".join(piece.text for piece in pieces)


def test_a_grammar_is_kept_or_refused_under_its_name(view):
    assert prompt_of(view, {"text": "a"}, grammar={"type": "choice", "value": ["yes", "no"]}).constraint is not None
    assert refusal(view, {"text": "a"}, grammar={"type": "regex", "value": "("})[1][0] == "grammar"
    assert refusal(view, {"text": "a"}, grammar={"type": "json_schema", "value": {"not": {}}})[1][0] == "grammar"


def test_a_stop_is_found_over_the_borders_of_tokens_and_no_part_of_it_is_shown(view):
    pieces, whole = written(view, ids_of("one STOP two"), stop=["STOP"])
    assert whole.generated_text == "one "
    assert (whole.finish_reason, whole.stop_reason) == ("stop", "STOP")
    assert all("S" not in piece.text for piece in pieces)


def test_what_might_have_been_a_stop_is_shown_once_it_is_none(view):
    assert written(view, ids_of("one STO"), stop=["STOP"])[1].generated_text == "one STO"
    assert written(view, [*ids_of("one STO"), END], "stop", stop=["STOP"])[1].generated_text == "one STO"
    assert written(view, ids_of("SSTOP"), stop=["STOP"])[1].generated_text == "S"


def test_special_tokens_are_no_text_unless_they_are_wanted(view):
    ids = [*ids_of("a"), 1, *ids_of("b"), END]
    assert written(view, ids, "stop")[1].generated_text == "ab"
    shown = written(view, ids, "stop", skip_special_tokens=False)[1].generated_text
    assert shown == "a<|im_start|>b"  # the end is the end of the answer, and not in it


def test_an_answer_may_have_to_go_on(view):
    assert prompt_of(view, {"text": "a"}).end_ids == {END}
    assert prompt_of(view, {"text": "a"}, ignore_eos=True).end_ids == frozenset()
    assert prompt_of(view, {"text": "a"}, ignore_eos=True, stop_token_ids=[7]).end_ids == {7}
    assert prompt_of(view, {"text": "a"}, min_new_tokens=5).min_new_tokens == 5


def test_a_stop_token_is_told_as_the_reason_and_the_models_own_end_is_not(view):
    assert written(view, [*ids_of("ab"), 7], "stop", stop_token_ids=[7])[1].stop_reason == 7
    assert written(view, [*ids_of("ab"), END], "stop", stop_token_ids=[7])[1].stop_reason is None


def test_each_sample_has_a_seed_of_its_own(view):
    seeds = [prompt_of(view, {"text": "a", "sample": n}, seed=40).sampling.seed for n in range(3)]
    assert seeds == [40, 41, 42]
    assert prompt_of(view, {"text": "a", "sample": 3}).sampling.seed is None


def test_an_answer_that_goes_round_in_circles_is_ended(view):
    ids = ids_of("round and ") * 40
    whole = written(view, ids)[1]
    assert (whole.finish_reason, whole.stop_reason) == ("length", "repetition")
    assert whole.generated_tokens < len(ids)
    assert written(view, ids, ignore_eos=True)[1].generated_tokens == len(ids)


@pytest.mark.parametrize("text", ["é", "漢字", "👩‍👩‍👧", "a👍b"])
def test_a_character_of_several_tokens_is_shown_when_it_is_whole(view, text):
    pieces, whole = written(view, ids_of(text))
    assert whole.generated_text == text
    assert all("\ufffd" not in piece.text for piece in pieces)


def test_a_character_that_is_cut_off_ends_as_the_mark_of_one(view):
    whole = written(view, ids_of("a👍")[:-1])[1]
    assert whole.generated_text == "a\ufffd"


def test_tokens_are_told_only_if_they_are_asked_for(view):
    assert written(view, ids_of("ab"))[1].tokens is None
    told = written(view, ids_of("ab"), top_logprobs=0)[1].tokens
    assert told is not None
    assert [token.text for token in told] == ["a", "b"]


def test_an_answer_has_one_beginning():
    for item in ({}, {"text": "a", "token_ids": [1]}):
        with pytest.raises(ValueError, match="send one of text, messages and token_ids"):
            GenerationInput(**item)


def test_an_empty_text_is_no_beginning(view):
    message, loc = refusal(view, {"text": ""})
    assert "empty" in message
    assert loc == ["text"]


def test_pieces_know_when_they_are_over(view):
    sent = GenerationParameters(stop=["b"])
    answer = view.begin(view.preprocess(GenerationInput(text="a"), sent), sent, item=3)
    assert isinstance(answer, Pieces)
    assert answer.push(Progress((Token(ids_of("a")[0]),))).item == 3
    assert not answer.is_over
    last = answer.push(Progress(tuple(map(Token, ids_of("bcd")))))
    assert answer.is_over
    assert (last.text, last.finish_reason, last.generated_tokens) == ("", "stop", 2)
