"""The encoder of Whisper as an ONNX graph: two convolutions over a spectrogram, and the layers of any encoder.

Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, 2.2.
"""

from pathlib import Path
from typing import Any

from transformers import WhisperForConditionalGeneration

from training.graphs.linear import array_of
from training.graphs.products import DecoderProducts
from training.graphs.sequence_model import SourceWriter, cross_tensors
from training.graphs.writer import GraphWriter, tensor
from training.networks.sequence_models import parts_of

FRAMES_A_PLACE = 2  # the second convolution reads every other frame


def write_sound_encoder(model: WhisperForConditionalGeneration, path: Path, products: DecoderProducts) -> Path:
    """Write `path` and return it: keys and values of a window of sound for each layer of the decoder.

    Inputs: `features` fp32 [rows, mels, frames], as many frames as the network has places for. Outputs:
    `cross.{i}.key` and `cross.{i}.value` fp32 [rows, heads, places, size].
    """
    network, graph = parts_of(model), GraphWriter()
    writer = SourceWriter(network, graph, products)
    encoder: Any = model.model.encoder
    places = model.config.max_source_positions
    states = _convolved(graph, encoder.conv2, _convolved(graph, encoder.conv1, "features"))
    states = graph.add("Transpose", [states], perm=[0, 2, 1])
    states = graph.add("Add", [states, graph.constant(array_of(encoder.embed_positions.weight))])
    writer.keys_and_values(writer.layers(states))
    features = tensor("features", ("rows", model.config.num_mel_bins, FRAMES_A_PLACE * places))
    return graph.save(path, [features], cross_tensors(network, "cross", "places"))


def _convolved(graph: GraphWriter, layer: Any, states: str) -> str:
    inputs = [states, *(graph.constant(array_of(one)) for one in (layer.weight, layer.bias))]
    (pad,), (stride,) = layer.padding, layer.stride
    found = graph.add("Conv", inputs, pads=[pad, pad], strides=[stride])
    return graph.add("Gelu", [found])
