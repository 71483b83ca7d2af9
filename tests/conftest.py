"""Tiny real models, and the real application around them. Nothing here is faked but the size."""

import gc
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

import hypothesis  # noqa: F401 - its plugin would read it at the very end, where CPython 3.11 may fail to parse it
import numpy as np
import onnx
import pytest
import waiting
from engines import far_engine, near_engine, set_out
from measuring import not_measured
from onnx import TensorProto, helper, numpy_helper
from services import MODELS, Service, free_port, running
from starlette.testclient import TestClient
from starlette.types import ASGIApp
from tokenizers import Tokenizer, models, pre_tokenizers
from waiting import eventually
from xdist.scheduler import LoadScopeScheduling

from app.api.app import create_app
from app.api.http.limits import Limits
from app.repository.manifest import Golden, Manifest
from app.repository.publish import publish
from app.serving.engine import Engine
from app.serving.local import LocalEngine
from app.telemetry import Telemetry
from app.tensors import TensorSpec

# Threads of OpenMP that wait for work in a loop would take the processor from the tests beside them.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", choices=("pickling", "ray"), default="pickling", help="whom tests of the API ask (%(default)s)"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.option.engine == "ray":
        from ray_engines import two_replicas

        set_out(two_replicas)
        waiting.patience = 12


API = Path(__file__).parent / "api"

WORDS = ("[PAD]", "[UNK]", "good", "bad", "film", "a", "what")
LOGITS = {"good": (0.0, 2.0), "bad": (2.0, 0.0)}  # negative, positive


def word_counting_graph(path: Path, scale: float = 1.0) -> Path:
    """A text classifier whose logits are sums over its words: padding and neighbours cannot change them."""
    weight = np.array([LOGITS.get(word, (0.0, 0.0)) for word in WORDS], np.float32) * scale
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["weight", "input_ids"], ["by_token"]),
            helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["mask", "last"], ["mask_3d"]),
            helper.make_node("Mul", ["by_token", "mask_3d"], ["masked"]),
            helper.make_node("ReduceSum", ["masked", "tokens"], ["logits"], keepdims=0),
        ],
        "word-counting",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"]),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"]),
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [
            numpy_helper.from_array(weight, "weight"),
            numpy_helper.from_array(np.array([-1], np.int64), "last"),
            numpy_helper.from_array(np.array([1], np.int64), "tokens"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def word_tokenizer(path: Path) -> Path:
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))
    return path


POSITIVE = [{"label": "positive", "score": 0.880797}, {"label": "negative", "score": 0.119203}]


def publish_sentiment(
    root: Path,
    tmp_path: Path,
    name: str = "tiny-sentiment",
    more_files: Mapping[str, Path] = MappingProxyType({}),
    **fields: Any,
) -> Manifest:
    tmp_path.mkdir(parents=True, exist_ok=True)
    files = {
        **more_files,
        "model.onnx": word_counting_graph(tmp_path / "m.onnx"),
        "tokenizer.json": word_tokenizer(tmp_path / "t.json"),
    }
    ids = [TensorSpec(name=each, datatype="INT64", shape=(-1, -1)) for each in ("input_ids", "attention_mask")]
    defaults: dict[str, Any] = {
        "task": "text-classification",
        "description": "Counts good and bad words.",
        "licence": "CC0-1.0",
        "runtime": "onnx",
        "graphs": {"model": "model.onnx"},
        "inputs": tuple(ids),
        "outputs": (TensorSpec(name="logits", datatype="FP32", shape=(-1, 2)),),
        "config": {"labels": ["negative", "positive"], "tokenizer": "tokenizer.json", "max_tokens": 16},
        "golden": (Golden(input={"text": "what a good film"}, output=POSITIVE),),
    }
    return publish(root, name, files, **{**defaults, **fields})


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    publish_sentiment(root, tmp_path / "scratch")
    return root


def local_engine(models_dir: Path) -> LocalEngine:
    return near_engine(models_dir, Telemetry())


@pytest.fixture
def engine(models_dir: Path, request: pytest.FixtureRequest) -> Engine:
    """A far one, if the API is tested: it must ask and get nothing but what can be sent."""
    return (far_engine if request.path.is_relative_to(API) else local_engine)(models_dir)


def far_app(models_dir: Path) -> ASGIApp:
    telemetry = Telemetry()
    engine = far_engine(models_dir, telemetry)
    return create_app(engine, telemetry, Limits(max_body_bytes=100_000, max_items=8, request_timeout_s=10))


@contextmanager
def ready(app: ASGIApp) -> Iterator[TestClient]:
    """A client of the application that has loaded its models."""
    with TestClient(app) as client:
        eventually(lambda: client.get("/health/ready").status_code == 200)
        yield client


@pytest.fixture
def app(models_dir: Path) -> ASGIApp:
    return far_app(models_dir)


@pytest.fixture
def client(app: ASGIApp) -> Iterator[TestClient]:
    with ready(app) as client:
        yield client


@pytest.fixture(scope="module")
def kept_models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For tests that only ask: an application takes ten times as long to make as to ask."""
    root = tmp_path_factory.mktemp("kept") / "models"
    root.mkdir()
    publish_sentiment(root, root.parent / "scratch")
    return root


@pytest.fixture(scope="module")
def kept_client(kept_models_dir: Path) -> Iterator[TestClient]:
    with ready(far_app(kept_models_dir)) as client:
        yield client


@pytest.fixture(scope="session")
def default_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Every default model, and the small ones that pages show. It is asked by many tests, and changed by none."""
    from cascades import publish_cascade, publish_models
    from shown import publish_hostile, publish_pipeline, publish_tripler

    root, scratch = tmp_path_factory.mktemp("models"), tmp_path_factory.mktemp("scratch")
    for model in MODELS.iterdir():
        (root / model.name).symlink_to(model)
    publish_tripler(root, scratch)
    publish_hostile(root, scratch)
    publish_pipeline(root, scratch)
    publish_models(root, scratch)
    publish_cascade(root)
    with running(root, TESSERA_GRPC_PORT=str(free_port())) as service:
        yield service


# Tests of something else than app/, or of the service from so far outside that all they see has nearer tests, too.
NOT_MEASURED = re.compile(
    r"tests/(training|benchmarks|tessera_client)/.*"
    r"|tests/test_(default_models|hf_client|readme|clients|playground_\w+|architecture|docstrings|\w+_in_docs)\.py"
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    file, *_ = item.nodeid.split("::")
    with not_measured() if NOT_MEASURED.fullmatch(file) else nullcontext():
        return (yield)


# What tests import that takes seconds to load.
LARGE = ("lightning", "matplotlib.figure", "openai", "pandas", "playwright.sync_api", "sklearn.linear_model")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """A worker keeps what is loaded now to its end: nobody traces it, nor looks for garbage in it again and again."""
    if not hasattr(session.config, "workerinput"):
        return (yield)
    with not_measured():
        for library in LARGE:
            import_module(library)
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


class ByWhatTheyShare(LoadScopeScheduling):
    """Tests of one file run in one worker, and so do those of files that share what is dear to make."""

    SHARED = (
        ("default_service", re.compile(r"tests/test_(default_models|hf_client|readme|clients|playground_\w+)\.py")),
        ("tiny_fashion", re.compile(r"tests/training/recipes/test_fashion_\w+\.py")),
    )

    @classmethod
    def scope(cls, nodeid: str) -> str:
        file, *_ = nodeid.split("::")
        return next((name for name, files in cls.SHARED if files.fullmatch(file)), file)

    def _split_scope(self, nodeid: str) -> str:
        return self.scope(nodeid)


# Long files first, or the last of them would run alone: those that train, those of whole services, then the others.
LONG = tuple(map(re.compile, (r"tests/training/recipes/.*", r"tests/training/.*", r"tests/(benchmarks/)?\w+\.py")))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    scopes = {item: ByWhatTheyShare.scope(item.nodeid) for item in items}
    num_tests = Counter(scopes.values())
    kinds: dict[str, int] = {}  # of a scope of several files, the first
    for item, scope in scopes.items():
        file = item.nodeid.partition("::")[0]
        kinds.setdefault(scope, next((i for i, files in enumerate(LONG) if files.fullmatch(file)), len(LONG)))
    items.sort(key=lambda item: (kinds[scopes[item]], -num_tests[scopes[item]], scopes[item]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    config.option.loadscopereorder = False  # ours is the order
    return ByWhatTheyShare(config, log)
