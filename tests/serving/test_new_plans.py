"""A model that has been measured is loaded with its plan, without a restart."""

from starlette.testclient import TestClient
from waiting import eventually

from app.__main__ import main
from app.main import build
from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.new_plans import NewPlans
from app.settings import Settings

NAME = "tiny-sentiment"


def test_a_plan_is_new_once(models_dir, monkeypatch):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("TESSERA_DEVICE", "cpu")
    plans = NewPlans(models_dir, RuntimeOptions(device="cpu", threads=Settings().threads))
    live = [ModelRepository(models_dir).read(NAME, 1)]
    assert plans.of(live) == []
    assert main(["tune", "--seconds", "0.1"]) == 0
    assert plans.of(live) == [NAME]
    assert plans.of(live) == []


def test_a_service_that_follows_takes_a_plan_up_while_it_answers(models_dir, monkeypatch):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(models_dir))
    monkeypatch.setenv("TESSERA_DEVICE", "cpu")
    application, _ = build(Settings(models_dir=models_dir, device="cpu", follow_s=0.05))
    with TestClient(application) as client:

        def by():
            assert client.post(f"/v1/models/{NAME}/predict", json={"inputs": ["good"]}).status_code == 200
            return client.get(f"/v1/models/{NAME}").json()["tuning"]["by"]

        eventually(lambda: client.get("/health/ready").status_code == 200)
        assert by() == "load"
        assert main(["tune", "--seconds", "0.1"]) == 0
        eventually(lambda: by() == "tune")
        assert client.get(f"/v1/models/{NAME}").json()["version"] == 1
