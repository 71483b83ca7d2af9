"""Tokens with their logarithms of probability, in the two forms of this dialect."""

import json

from app.api.openai.logprobs import TextLogprobs, of_chat, pieces_of_chat, pieces_of_text, tokens_of
from app.tasks.generation_schema import GeneratedToken, Generation, LikelyToken


def token(text: str, special: bool = False) -> GeneratedToken:
    like = LikelyToken(id=1, text=text, logprob=-0.5, bytes=list(text.encode()))
    return GeneratedToken(**like.model_dump(), special=special, top=[like])


def generation(*tokens: GeneratedToken, finish_reason: str) -> Generation:
    return Generation.model_validate(
        {
            "generated_text": "",
            "finish_reason": finish_reason,
            "tokens": [one.model_dump() for one in tokens],
            "prompt_tokens": 1,
            "generated_tokens": len(tokens),
        }
    )


def test_the_token_by_which_a_model_ends_its_text_is_none_of_the_text() -> None:
    texts = [one.text for one in tokens_of(generation(token("a"), token("<end>", True), finish_reason="stop")) or ()]
    assert texts == ["a"]
    stopped = tokens_of(generation(token("a"), token("b"), finish_reason="stop"))  # by a text
    cut = tokens_of(generation(token("a"), token("<other>", True), finish_reason="length"))
    assert stopped is not None
    assert cut is not None
    assert (len(stopped), len(cut)) == (2, 2)


def test_a_chat_tells_each_token_with_its_bytes_and_the_likeliest_in_its_place() -> None:
    assert of_chat(None) is None
    told = of_chat([token("é")])
    alone = {"token": "é", "logprob": -0.5, "bytes": [0xC3, 0xA9]}
    assert told == {"content": [{**alone, "top_logprobs": [alone]}], "refusal": None}


def test_tokens_of_a_completion_have_places_that_go_on_from_piece_to_piece() -> None:
    told = TextLogprobs()
    assert told.of(None) is None
    first, second = told.of([token("ab"), token("c")]), told.of([token("d")])
    assert first is not None
    assert second is not None
    assert (first["text_offset"], second["text_offset"]) == ([0, 2], [3])
    assert (second["tokens"], second["top_logprobs"]) == (["d"], [{"d": -0.5}])


def test_a_whole_answer_tells_its_tokens_in_pieces_each_of_which_is_soon_written() -> None:
    tokens = [token("ab"), token("é")] * 500
    for pieces, whole in (
        (pieces_of_chat(tokens), of_chat(tokens)),
        (pieces_of_text(tokens), TextLogprobs().of(tokens)),
    ):
        written = list(pieces)
        assert json.loads(b"".join(written)) == whole
        assert max(map(len, written)) < 20_000  # the texts of a thousand tokens, and not what is likeliest beside them
    assert [b"".join(pieces) for pieces in (pieces_of_chat(None), pieces_of_text(None))] == [b"null", b"null"]
