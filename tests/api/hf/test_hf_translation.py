"""Translations, as `huggingface_hub.InferenceClient.translation` asks for them and parses them."""

import pytest
from huggingface_hub import TranslationOutput
from tiny_translator import TRANSLATOR, publish_translator
from tiny_writer import serving

PATH = f"/hf/models/{TRANSLATOR}"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    publish_translator(models, tmp_path_factory.mktemp("scratch"))
    with serving(models) as client:
        yield client


def native(client, text):
    reply = client.post(f"/v1/models/{TRANSLATOR}/predict", json={"inputs": [{"text": text}]})
    return reply.json()["outputs"][0]


@pytest.mark.parametrize("parameters", [{}, {"src_lang": "en", "tgt_lang": "pt"}, {"src_lang": None, "tgt_lang": None}])
def test_a_text_is_answered_by_a_list_with_one_translation(client, parameters):
    reply = client.post(PATH, json={"inputs": "One. Two!", "parameters": parameters})
    assert reply.status_code == 200, reply.text
    (found,) = TranslationOutput.parse_obj_as_list(reply.json())
    assert found.translation_text == native(client, "One. Two!")["translation_text"]
    assert reply.headers["x-generated"] == f"{TRANSLATOR}@1"


def test_several_texts_are_answered_in_their_order(client):
    reply = client.post(PATH, json={"inputs": ["One.", "Two!\n- Three"]})
    expected = [native(client, text) for text in ("One.", "Two!\n- Three")]
    assert reply.json() == [[one] for one in expected] or reply.json() == expected


@pytest.mark.parametrize(
    ("parameters", "name"),
    [
        ({"src_lang": "en", "tgt_lang": "de"}, "tgt_lang"),
        ({"src_lang": "English"}, "src_lang"),
        ({"generate_parameters": {"do_sample": True}}, "do_sample"),
        ({"generate_parameters": {"num_beams": 9}}, "num_beams"),
        ({"generate_parameters": {"num_beams": 2}, "num_beams": 2}, "num_beams"),
        ({"generate_parameters": {"length_penalty": 2.0}}, "length_penalty"),
        ({"truncation": "longest_first"}, "truncation"),
    ],
)
def test_what_would_have_no_effect_is_refused_by_its_name(client, parameters, name):
    reply = client.post(PATH, json={"inputs": "One.", "parameters": parameters})
    assert reply.status_code == 422, reply.text
    assert reply.json()["details"][0]["loc"][0] == "parameters"
    assert name in reply.json()["error"]


def test_a_search_is_asked_for_where_the_client_puts_it_or_beside_the_languages(client):
    search = {"num_beams": 4, "length_penalty": 0.5}
    body = {"inputs": [{"text": "One. Two!"}], "parameters": search}
    expected = client.post(f"/v1/models/{TRANSLATOR}/predict", json=body).json()["outputs"]
    for parameters in (search, {"src_lang": "en", "generate_parameters": search}):
        reply = client.post(PATH, json={"inputs": "One. Two!", "parameters": parameters})
        assert reply.json() == expected, reply.text


def test_it_has_no_tensors_and_no_streams_and_says_so(client):
    infer = client.post(f"/v2/models/{TRANSLATOR}/infer", json={"inputs": []})
    assert infer.status_code == 400
    assert f"/v1/models/{TRANSLATOR}/predict" in infer.json()["error"]
    stream = client.post(PATH, json={"inputs": "a", "stream": True})
    assert stream.status_code == 422
    assert "stream" in stream.json()["error"]
    assert "stream" in stream.text
