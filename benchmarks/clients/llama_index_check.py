"""LlamaIndex: OpenAILike as a chat and as a text, whole and in streams; vectors."""

import os

from llama_index.embeddings.openai_like import OpenAILikeEmbedding
from llama_index.llms.openai_like import OpenAILike

AT = {"api_base": f"{os.environ['TESSERA_URL']}/v1", "api_key": "of nobody"}


def test_chats_and_texts():
    for is_chat in (True, False):
        model = OpenAILike(model=os.environ["TESSERA_WRITER"], is_chat_model=is_chat, max_tokens=5, temperature=0, **AT)
        whole = model.complete("hi").text
        assert "".join(piece.delta for piece in model.stream_complete("hi")) == whole


def test_vectors():
    model = OpenAILikeEmbedding(model_name=os.environ["TESSERA_EMBEDDER"], **AT)
    one, (first, second) = model.get_text_embedding("x"), model.get_text_embedding_batch(["x", "y"])
    assert len(one) == len(second)
    assert max(abs(a - b) for a, b in zip(one, first, strict=True)) < 1e-5
