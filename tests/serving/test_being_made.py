"""The catalogue tells what is being made beside the service."""

from starlette.testclient import TestClient
from waiting import eventually

from app.main import build
from app.repository.making import MAKING, Making, write_making
from app.settings import Settings


def test_the_catalogue_says_what_is_being_made_as_long_as_it_is(models_dir):
    application, _ = build(Settings(models_dir=models_dir, device="cpu", follow_s=0.1))
    with TestClient(application) as client:

        def told():
            return client.get("/v1/models").json()["being_made"]

        assert told() == []
        write_making(models_dir, MAKING, [Making(model="article-summarizer", state="making", detail="fetching")])
        eventually(lambda: told() == [{"model": "article-summarizer", "state": "making", "detail": "fetching"}])
        eventually(lambda: client.get("/health/ready").status_code == 200)  # what is served is ready all the same
        write_making(models_dir, MAKING, [])
        eventually(lambda: told() == [])


def test_a_service_that_does_not_follow_tells_of_nothing(models_dir):
    write_making(models_dir, MAKING, [Making(model="article-summarizer", state="waiting")])
    application, _ = build(Settings(models_dir=models_dir, device="cpu"))
    with TestClient(application) as client:
        assert client.get("/v1/models").json()["being_made"] == []
