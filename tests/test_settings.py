import pytest
from starlette.testclient import TestClient

from app.keys import KeyRing, add_key
from app.main import build, build_server
from app.settings import Settings


@pytest.mark.parametrize(
    ("host", "keys", "asks"),
    [
        ("127.0.0.1", "auto", False),
        ("127.0.0.2", "auto", False),
        ("localhost", "auto", False),
        ("::1", "auto", False),
        ("0.0.0.0", "auto", True),
        ("::", "auto", True),
        ("", "auto", True),
        ("192.168.1.7", "auto", True),
        ("localhost.example", "auto", True),
        ("0.0.0.0", "off", False),
        ("127.0.0.1", "on", True),
    ],
)
def test_keys_are_asked_for_unless_only_this_machine_can_call(host, keys, asks):
    assert Settings(host=host, keys=keys).asks_for_keys is asks


def test_origins_are_given_with_commas_between(monkeypatch):
    monkeypatch.setenv("TESSERA_CORS_ORIGINS", "https://a.example, http://localhost:3000")
    assert Settings.load().cors_origins == ("https://a.example", "http://localhost:3000")


@pytest.mark.parametrize("given", ["a.example", "https://a.example/", "https://a.example/x", "https://a.example,"])
def test_an_origin_that_no_browser_would_send_is_an_error(monkeypatch, given):
    monkeypatch.setenv("TESSERA_CORS_ORIGINS", given)
    with pytest.raises(ValueError, match="is no origin, such as"):
        Settings.load()


def test_names_of_the_host_are_given_with_commas_between(monkeypatch):
    monkeypatch.setenv("TESSERA_HOSTS", "models.example.org, my_box.lan")
    assert Settings.load().hosts == ("models.example.org", "my_box.lan")


@pytest.mark.parametrize("given", ["a.example:80", "http://a.example", "a.example,", "*.example", "a..b", "a b"])
def test_what_no_host_is_called_is_an_error(monkeypatch, given):
    monkeypatch.setenv("TESSERA_HOSTS", given)
    with pytest.raises(ValueError, match="is no name of a host, such as"):
        Settings.load()


@pytest.mark.parametrize("given", ["proxy", "10.0.0.1/8", "10.0.0.1,", "*"])
def test_what_is_no_address_or_network_cannot_be_trusted_as_a_proxy(monkeypatch, given):
    monkeypatch.setenv("TESSERA_TRUSTED_PROXIES", given)
    with pytest.raises(ValueError, match="is no address or network, such as"):
        Settings.load()


@pytest.mark.parametrize(
    ("settings", "known"),
    [
        ({}, ()),
        ({"hosts": "a.example"}, ("a.example",)),
        ({"keys": "on"}, None),
        ({"host": "0.0.0.0"}, None),
        ({"host": "0.0.0.0", "keys": "off"}, None),
        ({"host": "0.0.0.0", "keys": "off", "hosts": "a.example"}, ("a.example",)),
        ({"keys": "on", "hosts": "a.example"}, ("a.example",)),
    ],
)
def test_on_loopback_without_keys_the_names_are_known_and_elsewhere_if_they_are_given(settings, known):
    assert Settings(**settings).known_hosts == known


def test_a_limit_for_one_task_is_given_as_json(monkeypatch):
    monkeypatch.setenv("TESSERA_TASK_BODY_BYTES", '{"summarization": 100}')
    assert Settings.load().task_body_bytes == {"summarization": 100}


def test_required_models_are_given_with_commas_between(monkeypatch, tmp_path):
    monkeypatch.setenv("TESSERA_REQUIRED_MODELS", "digits-cnn, reviews-sentiment")
    assert Settings.load().required_models == ("digits-cnn", "reviews-sentiment")
    with pytest.raises(ValueError, match=r"required_models: 'Not A Name' is not a model's name"):
        build(Settings(models_dir=tmp_path, required_models=("Not A Name",)))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_a_setting_that_is_handed_on_empty_is_as_if_it_were_not_there(monkeypatch, name):
    monkeypatch.setenv(f"TESSERA_{name.upper()}", "")
    assert getattr(Settings.load(), name) == getattr(Settings(), name)


def test_limits_and_keys_that_cannot_be_used_stop_the_service_before_it_starts(tmp_path):
    with pytest.raises(
        ValueError, match=r"task_body_bytes: 'poetry' is no task; there are: automatic-speech-recognition, "
    ):
        build(Settings(models_dir=tmp_path, task_body_bytes={"poetry": 1}))
    (tmp_path / "keys.json").write_text("{}")
    with pytest.raises(ValueError, match=r"keys\.json is not a file of keys: keys: Field required"):
        build(Settings(models_dir=tmp_path, keys="on", keys_file=tmp_path / "keys.json"))


def test_the_file_of_keys_is_followed_once_whatever_asks_for_keys(tmp_path, monkeypatch):
    rings, file = [], tmp_path / "keys.json"
    add_key(file, "laptop")
    monkeypatch.setattr("app.main.KeyRing", lambda path: rings.append(KeyRing(path)) or rings[-1])
    build_server(Settings(models_dir=tmp_path, device="cpu", keys="on", keys_file=file, grpc_port=1))
    assert len(rings) == 1


def test_the_service_for_every_address_asks_for_keys_and_the_one_for_loopback_does_not(models_dir, tmp_path):
    file = tmp_path / "keys.json"
    secret = add_key(file, "laptop")
    for host, status in (("0.0.0.0", 401), ("127.0.0.1", 200)):
        application, _ = build(Settings(models_dir=models_dir, device="cpu", host=host, keys_file=file))
        with TestClient(application) as client:
            assert client.get("/v1/models").status_code == status
            assert client.get("/v1/models", headers={"X-API-Key": secret}).status_code == 200
