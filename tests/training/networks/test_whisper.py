"""Weights of a Whisper, as CTranslate2 calls them, become the network of transformers again."""

from typing import Any

import numpy as np
import pytest
import torch
from tiny_whisper import random_whisper, stored

from training.errors import TrainingError
from training.networks.whisper import CrossStates, whisper_from

PLACES = 20


def weights() -> dict[str, Any]:
    return stored(random_whisper(places=PLACES))


def test_a_network_is_the_one_that_was_stored() -> None:
    expected, found = random_whisper(places=PLACES), whisper_from(weights())
    features, ids = torch.randn(1, 80, 2 * PLACES), torch.tensor([[5, 9, 3]])
    with torch.inference_mode():
        torch.testing.assert_close(
            found(features, decoder_input_ids=ids).logits, expected(features, decoder_input_ids=ids).logits
        )
    assert found.proj_out.weight is found.model.decoder.embed_tokens.weight
    assert not found.training


def test_keys_and_values_of_a_source_are_those_that_the_decoder_reads() -> None:
    network = random_whisper(places=PLACES)
    features = torch.randn(1, 80, 2 * PLACES)
    with torch.inference_mode():
        found = CrossStates(network)(features)
        made = network(features, decoder_input_ids=torch.tensor([[1]]), use_cache=True)
    read = made.past_key_values.cross_attention_cache.layers
    for layer, (key, value) in enumerate(zip(found[::2], found[1::2], strict=True)):
        torch.testing.assert_close(key, read[layer].keys)
        torch.testing.assert_close(value, read[layer].values)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        pytest.param("encoder/activation", np.array(0, np.int16), "activation is 0, and must be 3", id="activation"),
        pytest.param("decoder/alibi", np.array(1, np.int16), "alibi is 1, and must be 0", id="positions"),
        pytest.param("decoder/rotary", np.ones(2, np.float32), "decoder/rotary is unknown", id="a weight more"),
        pytest.param("encoder/conv1/bias", np.ones(31, np.float32), "conv1.bias", id="a weight of another size"),
        pytest.param("encoder/layer_0/ffn/linear_1/bias", None, "linear_1/bias is missing", id="a weight less"),
        pytest.param("decoder/num_heads", None, "decoder/num_heads is missing", id="no number of heads"),
        pytest.param("decoder/num_heads", np.array([2, 2], np.int16), "size 1", id="several numbers of heads"),
        pytest.param("encoder/conv1/weight", np.ones(3, np.float32), "index out of range", id="a flat convolution"),
        pytest.param("decoder/num_heads", np.array(5, np.int16), "divisible by num_heads", id="heads of half a number"),
        pytest.param(
            "decoder/layer_1/attention/linear_1/bias", np.ones(64, np.float32), "has a bias of keys", id="key bias"
        ),
        pytest.param(
            "decoder/layer_1/attention/linear_1/bias", np.ones(63, np.float32), "equal division", id="half a part"
        ),
    ],
)
def test_weights_of_something_else_are_refused(name: str, value: Any, reason: str) -> None:
    changed = weights()
    if value is None:
        del changed[name]
    else:
        changed[name] = value
    with pytest.raises(TrainingError, match=f"these weights are not Whisper's: .*{reason}"):
        whisper_from(changed)
