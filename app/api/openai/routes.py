"""The OpenAI dialect: what the clients send that take `base_url="http://…/v1"`."""

from functools import partial

from app.api.given import Given
from app.api.http.routes import DirectRoute, Section
from app.api.openai import described, paths
from app.api.openai.chat import chat
from app.api.openai.completions import complete
from app.api.openai.embeddings import WORDS as EMBEDDING_WORDS
from app.api.openai.embeddings import embed
from app.api.openai.errors import OpenAiFailure, is_client, shape, telling
from app.api.openai.parameters import WORDS
from app.api.openai.responses import WORDS as RESPONSE_WORDS
from app.api.openai.responses import respond
from app.api.openai.transcriptions import WORDS as SPEECH_WORDS
from app.api.openai.transcriptions import transcribe
from app.api.v1 import paths as v1
from app.tasks.embeddings import TextEmbedding
from app.tasks.speech_recognition import SpeechRecognition
from app.tasks.text_generation import TextGeneration

FAILURES = (400, 404, 413, 415, 429, 500, 503, 504)


def generating(given: Given) -> Section:
    route = partial(
        DirectRoute,
        "POST",
        statuses=FAILURES,
        scope="predict",
        body_bytes=lambda scope: given.limits.body_bytes(TextGeneration.contract),
    )
    embeddings = DirectRoute(
        "POST",
        paths.EMBEDDINGS,
        embed(given),
        FAILURES,
        scope="predict",
        tell=telling(EMBEDDING_WORDS),
        describe=described.embeddings,
        body_bytes=lambda scope: given.limits.body_bytes(TextEmbedding.contract),
    )
    hearing = partial(
        DirectRoute,
        "POST",
        statuses=FAILURES,
        scope="predict",
        tell=telling(SPEECH_WORDS),
        body_bytes=lambda scope: given.limits.body_bytes(SpeechRecognition.contract),
    )
    routes = (
        route(paths.CHAT, handler=chat(given), tell=telling(WORDS), describe=described.chat),
        route(paths.COMPLETIONS, handler=complete(given), tell=telling(WORDS), describe=described.completions),
        route(paths.RESPONSES, handler=respond(given), tell=telling(RESPONSE_WORDS), describe=described.responses),
        embeddings,
        hearing(paths.TRANSCRIPTIONS, transcribe(given, "transcribe"), describe=described.transcriptions),
        hearing(paths.TRANSLATIONS, transcribe(given, "translate"), describe=described.translations),
    )
    return Section(
        "openai",
        "The same models, as the clients of OpenAI ask them",
        routes,
        paths.ALL,
        shape,
        OpenAiFailure,
        (v1.MODELS,),
        is_client,
    )
