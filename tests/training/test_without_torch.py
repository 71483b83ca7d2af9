"""Whatever `make serve` runs needs no torch: in a process in which none of the large libraries can be imported."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ABSENT = """
import sys
for library in ("torch", "lightning", "transformers", "sklearn", "scipy", "skimage", "torchmetrics", "pyarrow"):
    sys.modules[library] = None
"""
IMPORTS = """
import app.__main__, tessera, training.__main__, training.beside, training.build
from training.recipes import load_recipe
for name in ("article-summarizer", "movielens-recommender", "smollm2-instruct"):
    assert load_recipe(name).name == name
"""
REFUSED = """
from training.__main__ import main
assert main(["reviews-sentiment", "--models", "models", "--workdir", "work"]) == 1
assert main(["article-summarizer", "--source", "x", "--models", "models", "--workdir", "work"]) == 1
"""
# What a tiny BERT, a tiny decoder and a few histories become.
MADE = """
from pathlib import Path
from types import SimpleNamespace
import numpy as np
from app.tasks.catalogue import CatalogueItem
from training.build import build
from training.data import events
from training.data.event_log import PADDING, EventLog
from training.graphs.candidates import write_candidates, write_fp32
from training.graphs.sentences import write_sentences
from training.measures.decoding import Decoding
from training.networks.arrays import as_modules
from training.networks.plain_decoder import DecoderSizes, plain_decoder, shapes_of, read, turning
from training.recipe import Run
from training.recipes import load_recipe, recommender

random, here = np.random.default_rng(0), Path(".")

def drawn(*shape):
    return random.standard_normal(shape).astype(np.float32) / 8

width = 16
weights = {f"embeddings.{name}_embeddings.weight": drawn(size, width) for name, size in
           (("word", 40), ("position", 32), ("token_type", 2))}
for place, (outputs, inputs) in {"attention.self.query": (width, width), "attention.self.key": (width, width),
    "attention.self.value": (width, width), "attention.output.dense": (width, width),
    "intermediate.dense": (32, width), "output.dense": (width, 32)}.items():
    weights[f"encoder.layer.0.{place}.weight"] = drawn(outputs, inputs)
    weights[f"encoder.layer.0.{place}.bias"] = drawn(outputs)
for place in ("embeddings", "encoder.layer.0.attention.output", "encoder.layer.0.output"):
    weights |= {f"{place}.LayerNorm.weight": drawn(width), f"{place}.LayerNorm.bias": drawn(width)}
bert = as_modules(weights)
bert.config = SimpleNamespace(hidden_size=width, num_attention_heads=2, layer_norm_eps=1e-12)
assert write_sentences(bert, here).is_file()

sizes = DecoderSizes(
    vocabulary=50, width=64, hidden=96, layers=2, heads=4, kv_heads=2, head_size=16, positions=64, epsilon=1e-5
)
decoder = plain_decoder({name: drawn(*shape) for name, shape in shapes_of(sizes).items()}, sizes, turning(1e4, 16))
ids = [3, 30, 17, 4, 4, 49]
paths = {"fp32": write_fp32(decoder, here, 64), **write_candidates(decoder, here, 64, [ids])}
for name, path in paths.items():
    found = Decoding(path, 1, 64).read(ids)[0]
    np.testing.assert_allclose(found, read(decoder, ids)[-1], atol=1e-5 if name == "fp32" else 0.1)

films = [*recommender.SCIENCE_FICTION, *recommender.CHILDRENS_FILMS, *(f"Film {number}" for number in range(20))]
catalogue = [PADDING, *(CatalogueItem(id=index, title=title, genres=[]) for index, title in enumerate(films, 1))]
histories = [[(person + step) % len(films) + 1 for step in range(12)] for person in range(40)]
events.load_movielens = lambda: EventLog(catalogue, histories)
Path("work").mkdir()
made = build(load_recipe("movielens-recommender"), Run(Path("work"), tiny=True), Path("models"))
assert made.description.startswith("Recommends the next film from the last fifty rated ones: EASE alone")
assert "`make train` makes the whole model" in made.provenance.notes
assert made.verification.batch_n < 1e-4
assert len(made.golden) == 3
"""


@pytest.mark.parametrize("code", [pytest.param(IMPORTS, id="imports"), pytest.param(MADE, id="made")])
def test_what_make_serve_runs_needs_no_torch(code: str, tmp_path: Path) -> None:
    ended = run(code, tmp_path)
    assert ended.returncode == 0, ended.stderr


def test_what_needs_torch_says_so_and_how_much_it_is(tmp_path: Path) -> None:
    ended = run(REFUSED, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "`make train` installs the libraries of training, or pip install '.[train]': 3.0 GB" in ended.stderr
    assert "reviews-sentiment needs " in ended.stderr


def run(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{ABSENT}{code}"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
