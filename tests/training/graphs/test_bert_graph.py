"""A small BERT of random weights, written as a graph and run by ONNX Runtime."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from app.runtimes.onnx import OnnxSession, load_onnx
from app.runtimes.options import RuntimeOptions
from app.tensors import Array, Tensors
from training.graphs.bert import write_bert
from training.graphs.bert_weights import read_classifier
from training.graphs.linear import Fp32Products, Int8Products
from training.graphs.ranges import input_ranges
from training.networks.minilm import SentenceEncoder, TextClassifier

WORDS, WIDTH = 500, 48


@pytest.fixture(scope="module")
def bert() -> BertModel:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=WORDS,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        initializer_range=0.2,
    )
    network = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():  # one channel like those that make 8 bits hard
        network.encoder.layer[0].attention.output.LayerNorm.weight[3] = 20.0
    return network


@pytest.fixture(scope="module")
def classifier(bert: BertModel) -> TextClassifier:
    network = TextClassifier(bert, 3).eval()
    network.head = nn.Linear(WIDTH, 3)
    nn.init.normal_(network.head.weight)
    return network


@pytest.fixture(scope="module")
def int8(bert: BertModel, classifier: TextClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    ranges = input_ranges(bert, [row(length, seed) for seed, length in enumerate(range(5, 60))])
    return write_bert(bert, classifier.head, tmp_path_factory.mktemp("graph") / "int8.onnx", Int8Products(ranges))


def row(length: int, seed: int) -> Tensors:
    ids = np.random.default_rng(seed).integers(1, WORDS, (1, length))
    return {"input_ids": ids, "attention_mask": np.ones_like(ids)}


def padded(rows: list[Tensors]) -> Tensors:
    longest = max(one["input_ids"].shape[1] for one in rows)
    return {
        name: np.concatenate([np.pad(one[name], ((0, 0), (0, longest - one[name].shape[1]))) for one in rows])
        for name in rows[0]
    }


def opened(path: Path) -> OnnxSession:
    return load_onnx(path, RuntimeOptions(device="cpu"))


def by_torch(network: nn.Module, batch: Tensors) -> Array:
    with torch.inference_mode():
        answer: Array = network(*(torch.from_numpy(array) for array in batch.values())).numpy()
    return answer


def test_the_fp32_graph_of_a_classifier_equals_torch(
    bert: BertModel, classifier: TextClassifier, tmp_path: Path
) -> None:
    session = opened(write_bert(bert, classifier.head, tmp_path / "fp32.onnx", Fp32Products()))
    batch = padded([row(7, 0), row(30, 1), row(1, 2)])
    np.testing.assert_allclose(session.run(batch)["logits"], by_torch(classifier, batch), atol=1e-4)


def test_the_fp32_graph_of_an_encoder_equals_torch(bert: BertModel, tmp_path: Path) -> None:
    session = opened(write_bert(bert, None, tmp_path / "fp32.onnx", Fp32Products()))
    batch = padded([row(12, 3), row(64, 4)])
    found = session.run(batch)["embedding"]
    np.testing.assert_allclose(found, by_torch(SentenceEncoder(bert), batch), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_the_int8_graph_is_close_to_torch_in_spite_of_a_channel_of_outliers(
    classifier: TextClassifier, int8: Path
) -> None:
    session = opened(int8)
    batches = [row(length, 1000 + length) for length in range(4, 64, 3)]
    expected = np.concatenate([by_torch(classifier, batch) for batch in batches])
    found = np.concatenate([session.run(batch)["logits"] for batch in batches])
    error = np.abs(found - expected).mean() / expected.std()
    assert error < 0.05


def test_an_int8_answer_does_not_depend_on_its_batch(int8: Path) -> None:
    session = opened(int8)
    rows = [row(length, 2000 + length) for length in (3, 17, 40, 64)]
    together = session.run(padded(rows))["logits"]
    alone = np.concatenate([session.run(one)["logits"] for one in rows])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_int8_graph_holds_every_large_weight_in_8_bits(int8: Path) -> None:
    model = onnx.load(int8)
    large = [one for one in model.graph.initializer if np.prod(one.dims) > WIDTH * 64]
    assert large
    assert {onnx.TensorProto.DataType.Name(one.data_type) for one in large} == {"INT8"}


def test_ranges_are_of_what_each_layer_is_given() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -2.0]]))
        network[0].bias.zero_()
    ranges = input_ranges(
        network, [{"input": np.array([[1.0, -3.0]], np.float32)}, {"input": np.array([[-2.0, 0.5]], np.float32)}]
    )
    np.testing.assert_array_equal(ranges[network[0]], [2.0, 3.0])
    np.testing.assert_array_equal(ranges[network[1]], [2.0, 6.0])


def test_weights_are_read_back_from_the_graph_as_near_as_eight_bits_keep_them(
    classifier: TextClassifier, int8: Path
) -> None:
    other = deepcopy(classifier)
    for parameter in other.parameters():
        nn.init.normal_(parameter)
    read_classifier(int8, other)
    for name, expected in classifier.state_dict().items():
        found = other.state_dict()[name]
        if name.startswith("bert.embeddings.position"):
            expected = expected + classifier.bert.embeddings.token_type_embeddings.weight[0]
        if not name.startswith("bert.embeddings.token_type"):
            assert torch.allclose(found, expected, atol=0.05 * float(expected.detach().abs().max()) + 1e-6), name


def test_weights_of_another_network_or_precision_are_refused(
    bert: BertModel, classifier: TextClassifier, int8: Path, tmp_path: Path
) -> None:
    fp32 = write_bert(bert, classifier.head, tmp_path / "fp32.onnx", Fp32Products())
    with pytest.raises(ValueError, match="no int8 graph of a BERT of 2 layers"):
        read_classifier(fp32, deepcopy(classifier))
    narrow = deepcopy(classifier)
    narrow.head = nn.Linear(WIDTH, 2)
    with pytest.raises(ValueError, match="where the network has"):
        read_classifier(int8, narrow)
