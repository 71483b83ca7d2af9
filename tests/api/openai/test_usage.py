"""Numbers of tokens, as chats, completions and responses tell them."""

from app.api.openai.usage import TokenCount
from app.tasks.generation_schema import Generation


def answer(prompt: int, written: int, cached: int = 0) -> Generation:
    return Generation(
        generated_text="", finish_reason="stop", prompt_tokens=prompt, generated_tokens=written, cached_tokens=cached
    )


def test_a_prompt_counts_once_however_many_answers_it_has() -> None:
    count = TokenCount(n=2)
    for item, one in enumerate([answer(10, 3), answer(10, 4, cached=9), answer(7, 5), answer(7, 6, cached=6)]):
        count.count(item, one)
    told = count.told()
    assert (told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]) == (17, 18, 35)
    # What the second answer found of the first one's prompt is nothing that earlier requests left.
    assert told["prompt_tokens_details"] == {"cached_tokens": 0}


def test_of_a_stream_the_latest_piece_counts() -> None:
    count = TokenCount(n=1)
    count.count(0, answer(10, 1, cached=8))
    count.count(0, answer(10, 2, cached=8))
    told = count.told()
    assert (told["completion_tokens"], told["prompt_tokens_details"]["cached_tokens"]) == (2, 8)
