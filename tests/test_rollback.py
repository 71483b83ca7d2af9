"""Traffic moves between versions of a running service, under load, without a lost or a mixed answer."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import httpx
import pytest
from services import running
from versions_that_tell import NAME, publish_telling
from waiting import eventually

TRAFFIC = f"/v1/models/{NAME}/traffic"
PREDICT = f"/v1/models/{NAME}/predict"
CALLERS = 6


@pytest.fixture
def root(tmp_path):
    publish_telling(tmp_path / "models", tmp_path / "scratch", 2)
    return tmp_path / "models"


class Callers:
    """Ask again and again, each for a subject of its own, until it is over."""

    def __init__(self, url):
        self.url, self.is_over = url, Event()
        self.answered = Counter()
        self.wrong = []

    def ask(self, caller):
        with httpx.Client(base_url=self.url, timeout=20) as client:
            for i in range(10**6):
                if self.is_over.is_set():
                    return
                subject = f"{caller}-{i % 20}"
                reply = client.post(PREDICT, json={"inputs": ["good"]}, headers={"X-Tessera-Subject": subject})
                version = reply.headers.get("x-model-version")
                if reply.status_code != 200 or f"good-{version}" not in reply.text:
                    self.wrong.append((reply.status_code, version, reply.text))
                self.answered[version] += 1

    def until(self, *versions):
        """Wait until each of these has answered some more."""
        before = Counter(self.answered)
        eventually(lambda: all(self.answered[one] >= before[one] + 5 for one in versions))


def test_a_version_is_published_tried_promoted_and_taken_back_under_load_and_so_it_stays(root, tmp_path):
    with running(root, TESSERA_THREADS="1", TESSERA_KEEP_VERSIONS="1", TESSERA_FOLLOW_S="0.1") as service:
        callers = Callers(service.url)

        def change(**rule):
            reply = httpx.post(service.url + TRAFFIC, json=rule, timeout=20)
            assert reply.status_code == 200, reply.text

        def live():
            states = httpx.get(f"{service.url}/v1/models/{NAME}").json()["versions"]
            return {one["version"] for one in states if one["state"] == "ready"}

        with ThreadPoolExecutor(CALLERS) as pool:
            asking = [pool.submit(callers.ask, one) for one in range(CALLERS)]
            try:
                callers.until("2")
                change(default=2)
                publish_telling(root, tmp_path / "scratch", 1)
                eventually(lambda: live() == {2, 3})
                change(canary={"version": 3, "share": 0.5}, shadow=None)
                callers.until("2", "3")
                assert httpx.delete(service.url + TRAFFIC).status_code == 200  # the canary is rolled back
                callers.until("2")
                change(default=3)
                callers.until("3")
                change(default=2)  # the promotion is rolled back
                callers.until("2")
            finally:
                callers.is_over.set()
            for one in asking:
                one.result()
    assert callers.wrong == []
    assert callers.answered.keys() == {"2", "3"}
    with running(root, TESSERA_THREADS="1") as service:  # the rule has survived
        assert httpx.get(service.url + TRAFFIC).json()["rule"] == {"default": 2, "canary": None, "shadow": None}
        assert httpx.post(service.url + PREDICT, json={"inputs": ["good"]}).headers["x-model-version"] == "2"
