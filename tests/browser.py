"""A real browser, and a real service with the default models and two small ones for it to look at."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import pytest
from conftest import eventually, publish_sentiment
from graphs import publish_features, publish_head
from onnx import TensorProto, helper
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from test_server import Service

from app.repository.manifest import Golden
from app.repository.pipeline import PipelineManifest, Step
from app.repository.publish import publish
from app.tensors import TensorSpec

MODELS = Path(__file__).parents[1] / "models"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed: apt-get install chromium")

IMAGENET, REVIEWS = "imagenet-efficientnet", "reviews-sentiment"
ARTICLES, FILMS = "article-summarizer", "movielens-recommender"
TRIPLER, HOSTILE, PIPELINE = "tripler", "hostile-labels", "photo-quality"

# What a browser must only show, and never run.
MARKUP = '<img src=x onerror="document.title=\'run\'"><script>document.title="run"</script>'

# What it must only show, too, where pages make HTML of Markdown.
DESCRIPTION = (
    f"{MARKUP}\n\n# A heading\n\n"
    '</code></p><meta http-equiv="refresh" content="0; url=/pages/cat.jpg"><base href="http://elsewhere.test/">'
    "![picture](http://elsewhere.test/x.png) [words](http://elsewhere.test/words) <http://elsewhere.test/angles> "
    "http://elsewhere.test/bare www.elsewhere.test me@elsewhere.test `` ``` ~~~ <form action=/x><input></form>"
)

SWITCHES = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def publish_tripler(root: Path, scratch: Path) -> None:
    """A model of no kind that the page knows: y = x + x + x for twelve numbers."""
    graph = helper.make_graph(
        [helper.make_node("Sum", ["x", "x", "x"], ["y"])],
        "tripler",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 12])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 12])],
    )
    file = scratch / "tripler.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), file)
    values = [float(i) for i in range(12)]
    fields: dict[str, Any] = {
        name: ({"name": tensor, "datatype": "FP32", "shape": (-1, 12)},)
        for name, tensor in (("inputs", "x"), ("outputs", "y"))
    }
    publish(
        root, TRIPLER, {"model.onnx": file},
        task="tensors", description="Thrice its input.", licence="CC0-1.0", runtime="onnx",
        graphs={"model": "model.onnx"}, config={**fields, "batched": True},
        golden=(Golden(input={"x": values}, output={"y": [3 * value for value in values]}),),
        **{name: tuple(TensorSpec(**each) for each in tensors) for name, tensors in fields.items()},
    )  # fmt: skip


def publish_hostile(root: Path, scratch: Path) -> None:
    golden = [{"label": MARKUP, "score": 0.880797}, {"label": "'; alert(1)//", "score": 0.119203}]
    publish_sentiment(
        root, scratch, HOSTILE,
        description=DESCRIPTION, limits=(MARKUP,), licence=MARKUP,
        config={"labels": [golden[1]["label"], MARKUP], "tokenizer": "tokenizer.json", "max_tokens": 16},
        golden=(Golden(input={"text": "what a good film"}, output=golden),),
    )  # fmt: skip


def publish_pipeline(root: Path, scratch: Path) -> None:
    publish_features(root, scratch)
    publish_head(root, scratch)
    steps = (
        Step(name="sees", model="photo-features", version=1, task="image-feature-extraction"),
        Step(name="says", model="head", version=1, task="tensors", inputs={"features": "sees"}),
    )
    publish(root, PIPELINE, {}, kind=PipelineManifest, steps=steps)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Every default model, the two small ones, and two more in a row."""
    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    for model in MODELS.iterdir():
        (root / model.name).symlink_to(model)
    publish_tripler(root, scratch)
    publish_hostile(root, scratch)
    publish_pipeline(root, scratch)
    service = Service(root)
    try:
        eventually(service.is_ready, 90)
        yield service
    finally:
        service.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        yield browser
        browser.close()


class Visit:
    """A page, and what went wrong on it: faults in the console, exceptions, requests to anybody else."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.page: Page = context.new_page()
        self.page.set_default_timeout(15_000)
        self.faults: list[str] = []
        self.page.on("console", lambda message: message.type in ("error", "warning") and self._add(message.text))
        self.page.on("pageerror", lambda error: self._add(str(error)))
        self.page.on("request", lambda request: self._is_ours(request.url) or self._add(request.url))

    def open(self, model: str) -> Page:
        """The panel of a model, after it has answered for the first time."""
        self.page.goto(f"{self.url}/#/{model}")
        self.page.locator("h2", has_text=model).wait_for()
        self.page.locator(".time").wait_for()
        return self.page

    def expect_refusals(self) -> None:
        """The browser itself writes every status of 400 and more into the console."""
        self.faults = [fault for fault in self.faults if "the server responded with a status of" not in fault]

    def _add(self, fault: str) -> None:
        self.faults.append(fault)

    def _is_ours(self, url: str) -> bool:
        return url.startswith((f"{self.url}/", "blob:", "data:"))


@pytest.fixture
def visit(browser: Browser, served: Service) -> Iterator[Visit]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
    found = Visit(context, served.url)
    yield found
    context.close()
    assert found.faults == [], found.faults
