"""The tensors of models, as V2 tells of them."""

from conftest import publish_sentiment
from tiny_writer import publish_writer

from app.api.v2.ends import inputs_of, outputs_of, writes_text


def test_a_model_has_the_tensors_of_its_graph(tmp_path):
    manifest = publish_sentiment(tmp_path / "models", tmp_path / "scratch")
    assert not writes_text(manifest)
    assert (inputs_of(manifest), outputs_of(manifest)) == (manifest.inputs, manifest.outputs)


def test_one_that_writes_text_has_texts_whatever_its_graph_takes(tmp_path):
    manifest = publish_writer(tmp_path / "models", tmp_path / "scratch")
    assert writes_text(manifest)
    (given,), (made,) = inputs_of(manifest), outputs_of(manifest)
    assert (given.name, given.datatype, made.name, made.datatype) == ("text_input", "BYTES", "text_output", "BYTES")
