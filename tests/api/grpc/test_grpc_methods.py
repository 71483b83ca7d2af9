"""Methods that tell of the server and its models say what their routes say."""

import grpc
import pytest
from conftest import publish_sentiment
from grpc_services import grpc_serving
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from app.api.grpc.methods import METHODS, NOT_OFFERED
from app.api.http.limits import Limits
from app.api.v2.models import EXTENSIONS


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    publish_sentiment(root, scratch)
    publish_sentiment(root, scratch)
    with (
        grpc_serving(root, Limits(), max_connections=50) as service,
        InferenceServerClient(f"127.0.0.1:{service.port}") as client,
    ):
        yield client


NAME = "tiny-sentiment"


def test_every_method_that_the_client_knows_is_answered_or_refused_in_words():
    from tritonclient.grpc.service_pb2 import DESCRIPTOR

    (service,) = DESCRIPTOR.services_by_name.values()
    known = {f"/{service.full_name}/{method.name}" for method in service.methods}
    assert known - METHODS.keys() - NOT_OFFERED.keys() == {
        f"/{service.full_name}/ModelInfer",
        f"/{service.full_name}/ModelStreamInfer",
    }


def test_readiness_is_no_failure_where_something_is_not_ready(client):
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    assert client.is_model_ready(NAME, "2")
    assert not client.is_model_ready(NAME, "7")
    assert not client.is_model_ready("nobody")


def test_metadata_configuration_and_index(client):
    server = client.get_server_metadata()
    assert (server.name, list(server.extensions)) == ("tessera", EXTENSIONS)
    model = client.get_model_metadata(NAME)
    assert [(one.name, one.datatype, list(one.shape)) for one in model.outputs] == [("logits", "FP32", [-1, 2])]
    assert list(model.versions) == ["1", "2"]
    config = client.get_model_config(NAME, "1").config
    assert [(one.name, list(one.dims)) for one in config.input] == [("input_ids", [-1]), ("attention_mask", [-1])]
    assert config.output[0].data_type == 11  # TYPE_FP32
    index = client.get_model_repository_index().models
    assert sorted((one.name, one.version, one.state) for one in index) == [(NAME, "1", "READY"), (NAME, "2", "READY")]
    with pytest.raises(InferenceServerException, match="Request for unknown model: no model 'nobody'") as raised:
        client.get_model_metadata("nobody")
    assert raised.value.status() == str(grpc.StatusCode.NOT_FOUND)


def test_statistics_of_all_and_of_one_version(client):
    assert [(one.name, one.version) for one in client.get_inference_statistics().model_stats] == [
        (NAME, "2"),
        (NAME, "1"),
    ]
    (one,) = client.get_inference_statistics(NAME, "1").model_stats
    assert one.version == "1"


def test_a_model_is_unloaded_and_loaded_but_not_from_the_request(client):
    client.unload_model(NAME)
    assert not client.is_model_ready(NAME)
    client.load_model(NAME)
    assert client.is_model_ready(NAME)
    with pytest.raises(InferenceServerException, match="loaded as it lies in the repository, without config") as raised:
        client.load_model(NAME, config="{}")
    assert raised.value.status() == str(grpc.StatusCode.INVALID_ARGUMENT)
