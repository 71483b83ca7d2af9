"""The photo classifier: its committed version as the service asks it, and the recipe that makes it.

Long, since both are asked with the same functions.
"""

import hashlib
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from app.repository.golden import difference
from app.repository.manifest import Manifest
from app.repository.publish import MANIFEST, sha256_of
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.image_classification import ImageClassification, ImageClassificationKernel
from app.tasks.image_input import ImageInput
from app.tasks.view import predict_alone, to_json
from training import build as build_module
from training.build import build
from training.data.photos import Photos, scikit_photos
from training.errors import TrainingError
from training.graphs.photo_classifier import Graphs, Size, classifier, with_weights
from training.recipe import Draft, Recipe, Run
from training.recipes import imagenet_efficientnet as recipe
from training.recipes.imagenet_efficientnet import LITE0, LITE2, RECIPE, TOLERANCE
from training.recipes.imagenet_efficientnet_lite2 import RECIPE as LITE2_RECIPE

COMMITTED = Path(__file__).parents[3] / "models" / RECIPE.name / "2"

Predict = Callable[..., list[dict[str, float]]]


def loaded(folder: Path) -> tuple[Manifest, Predict]:
    """A version's manifest, and a function that answers an item and parameters as the service would."""
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    config = ImageClassificationKernel.Config.model_validate(manifest.config)
    task = ImageClassification(ImageClassificationKernel(config, {name: folder / name for name in manifest.files}))
    session = load_onnx(folder / manifest.graphs["model"], RuntimeOptions(device="cpu"))

    def predict(item: ImageInput, **parameters: int) -> list[dict[str, float]]:
        return to_json(
            predict_alone(task, {"model": session}, item, task.contract.Parameters.model_validate(parameters))
        )

    return manifest, predict


@pytest.fixture(scope="module", autouse=True)
def _each_network_is_built_and_proven_once() -> Iterator[None]:
    """Both recipes build both networks, as the one with weights of one's own does, which takes a while."""
    built: dict[str, Graphs] = {}
    proven: set[str] = set()
    really_build, really_prove = recipe.build_graphs, build_module.require_independent_rows

    def build_once(size: Size, used: Photos, folder: Path) -> Graphs:
        key = weights_of(size)
        if key not in built:
            built[key] = really_build(size, used, folder)
        return replace(built[key], size=size)

    def prove_once(one: Recipe, draft: Draft) -> None:
        key = " ".join(sha256_of(draft.files[name]) for name in sorted(draft.graphs.values()))
        if key not in proven:
            really_prove(one, draft)
        proven.add(key)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipe, "build_graphs", build_once)
        patch.setattr(build_module, "require_independent_rows", prove_once)
        yield


def weights_of(size: Size) -> str:
    found = hashlib.sha256(size.title.encode())
    for tensor in classifier(size).state_dict().values():
        found.update(tensor.numpy().tobytes())
    return found.hexdigest()


@pytest.fixture(scope="module")
def committed() -> tuple[Manifest, Predict]:
    return loaded(COMMITTED)


@pytest.mark.parametrize(
    ("photo", "right"),
    [
        ("cat", {"tabby, tabby cat", "tiger cat", "Egyptian cat"}),
        ("coffee", {"espresso", "cup", "coffee mug"}),
        ("temple", {"palace", "monastery", "bell cote, bell cot"}),
        ("rocket", {"missile", "projectile, missile", "space shuttle"}),
    ],
)
def test_the_committed_version_knows_real_photos(
    committed: tuple[Manifest, Predict], photo: str, right: set[str]
) -> None:
    _, predict = committed
    [best] = predict(ImageInput(image=scikit_photos()[photo]), top_k=1)
    assert best["label"] in right


def test_a_photo_on_its_side_is_known_by_its_orientation(committed: tuple[Manifest, Predict]) -> None:
    _, predict = committed
    image = Image.open(BytesIO(scikit_photos()["coffee"])).convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    file = BytesIO()
    image.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", exif=exif)
    [best] = predict(ImageInput(image=file.getvalue()), top_k=1)
    assert best["label"] == "espresso"
    assert best["score"] > 0.8


def test_the_committed_files_are_those_of_the_manifest(committed: tuple[Manifest, Predict]) -> None:
    manifest, _ = committed
    found = {path.relative_to(COMMITTED).as_posix() for path in COMMITTED.rglob("*") if path.is_file()}
    assert found == {MANIFEST, *manifest.files}
    for name, artifact in manifest.files.items():
        assert sha256_of(COMMITTED / name) == artifact.sha256
        assert (COMMITTED / name).stat().st_size == artifact.size


def test_the_committed_version_gives_its_golden_answers(committed: tuple[Manifest, Predict]) -> None:
    manifest, predict = committed
    assert len(manifest.golden) >= 3
    for golden in manifest.golden:
        answer = predict(ImageInput.model_validate(golden.input), **golden.parameters)
        assert difference(golden.output, answer, golden.tolerance) is None


def test_no_tolerated_difference_can_change_the_order_of_a_golden_answer(committed: tuple[Manifest, Predict]) -> None:
    manifest, predict = committed
    for golden in manifest.golden:
        num_labels = golden.parameters["top_k"]
        scores = [label["score"] for label in predict(ImageInput.model_validate(golden.input), top_k=num_labels + 1)]
        assert np.all(-np.diff(scores) > 2 * TOLERANCE)


def test_the_committed_version_reached_what_it_must(committed: tuple[Manifest, Predict]) -> None:
    manifest, _ = committed
    reached = {metric.name: metric.value for metric in manifest.metrics}
    assert len(reached) == len(manifest.metrics)
    for name, least in RECIPE.must_reach.items():
        assert reached[name] >= least


def test_golden_photos_are_a_few_kilobytes(committed: tuple[Manifest, Predict]) -> None:
    manifest, _ = committed
    assert max(len(golden.input["image"]) for golden in manifest.golden) <= 6_144


def test_a_tiny_run_publishes_a_version_that_answers(tmp_path: Path) -> None:
    """Of Lite2: a run of either size makes and compares both, and Lite0 is committed."""
    (tmp_path / "work").mkdir()
    try:
        build(LITE2_RECIPE, Run(tmp_path / "work", tiny=True), tmp_path / "models")
    except TrainingError as error:
        pytest.skip(str(error))
    folder = tmp_path / "models" / LITE2_RECIPE.name / "1"
    manifest, predict = loaded(folder)
    assert manifest.precision == "int8"
    assert manifest.inputs[0].shape == (-1, 260, 260, 3)
    labels = predict(ImageInput.model_validate(ImageClassification.contract.example), top_k=1000)
    assert len(labels) == manifest.outputs[0].shape[1] == 1000
    assert sum(label["score"] for label in labels) == pytest.approx(1, abs=1e-3)
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert all(f"| {size} in {precision} |" in card for size in ("Lite0", "Lite2") for precision in ("int8", "fp32"))
    assert card.count("(card/") == 3


State = dict[str, Tensor]


@pytest.fixture(scope="module")
def packaged() -> State:
    """The packaged weights under the names of EfficientNetLite."""
    try:
        return dict(classifier(LITE0).network.state_dict())
    except TrainingError as error:
        pytest.skip(str(error))


def save(state: Mapping[str, object], path: Path) -> None:
    save_file(state, path) if path.suffix == ".safetensors" else torch.save(state, path)


def other_names(state: State) -> State:
    """The same order, as other libraries name it."""
    return {f"layers.{number}.{name.rpartition('.')[2]}": tensor for number, (name, tensor) in enumerate(state.items())}


def backwards(state: State) -> State:
    return dict(reversed(state.items()))


@pytest.mark.parametrize(
    ("file", "change"),
    [
        pytest.param("own.safetensors", dict, id="safetensors with our names"),
        pytest.param("own.pth", dict, id="a state dict with our names"),
        pytest.param("own.pth", backwards, id="a state dict with our names in another order"),
        pytest.param("own.pth", other_names, id="a state dict with other names in our order"),
    ],
)
def test_weights_of_ones_own_go_to_the_layers_that_they_are_of(
    tmp_path: Path, packaged: State, file: str, change: Callable[[State], State]
) -> None:
    own = {name: tensor * 2 if name == "classifier.bias" else tensor for name, tensor in packaged.items()}
    save(change(own), tmp_path / file)
    loaded = classifier(with_weights(LITE0, str(tmp_path))).network.state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in own.items())


@pytest.mark.parametrize(
    ("file", "change", "size", "says"),
    [
        pytest.param(
            "own.safetensors",
            other_names,
            LITE0,
            "must call its tensors as EfficientNet-Lite0 does here, because .safetensors keeps no order",
            id="safetensors with other names",
        ),
        pytest.param("own.safetensors", dict, LITE2, "must call its tensors as", id="safetensors of another size"),
        pytest.param("own.pth", dict, LITE2, "other layers, or in another order", id="of another size"),
        pytest.param("own.pth", lambda state: backwards(other_names(state)), LITE0, "other layers", id="no order"),
        pytest.param(
            "own.pth",
            lambda state: state | {"classifier.bias": torch.zeros(10)},
            LITE0,
            r"classifier.bias must have the shape \[1000\], and has \[10\]",
            id="other classes",
        ),
        pytest.param(
            "own.pth", lambda state: {"model": state, "epoch": 3}, LITE0, "is not a state dict", id="a checkpoint"
        ),
        pytest.param(
            "own.pth",
            lambda state: state | {"classifier.bias": torch.full((1000,), torch.nan)},
            LITE0,
            "has weights that are not finite numbers",
            id="nan",
        ),
    ],
)
def test_weights_of_another_network_are_refused_in_a_sentence(
    tmp_path: Path, packaged: State, file: str, change: Callable[[State], State], size: Size, says: str
) -> None:
    save(change(packaged), tmp_path / file)
    with pytest.raises(TrainingError, match=says) as raised:
        with_weights(size, str(tmp_path))
    assert str(tmp_path / file) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", id="a pointer to a file"),
        pytest.param(bytes(range(256)) * 9, id="noise"),
        pytest.param(b"PK\x03\x04" + bytes(99), id="half an archive"),
        pytest.param(pickle.dumps(Path("code"), protocol=2), id="code"),
    ],
)
def test_a_file_that_has_no_weights_is_refused_in_a_sentence(tmp_path: Path, suffix: str, content: bytes) -> None:
    (tmp_path / f"own.{suffix}").write_bytes(content)
    with pytest.raises(TrainingError, match=rf"own.{suffix} cannot be read as a state dict") as raised:
        with_weights(LITE0, str(tmp_path))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param(["own.bin"], r"one file of weights \(\*.safetensors or \*.pth\); found: none$", id="none"),
        pytest.param(["a.pth", "b.safetensors"], r"one file of weights .* found: a.pth, b.safetensors$", id="two"),
    ],
)
def test_weights_are_in_the_only_file_of_their_kind(tmp_path: Path, files: list[str], says: str) -> None:
    for file in files:
        (tmp_path / file).touch()
    with pytest.raises(TrainingError, match=says):
        with_weights(LITE0, str(tmp_path))


def test_a_version_of_other_weights_claims_nothing_of_the_published_ones(tmp_path: Path, packaged: State) -> None:
    weights, workdir = tmp_path / "weights", tmp_path / "work"
    weights.mkdir()
    workdir.mkdir()
    save(packaged, weights / "own.safetensors")
    build(RECIPE, Run(workdir, tiny=True, source=str(weights)), tmp_path / "models")

    folder = tmp_path / "models" / RECIPE.name / "1"
    manifest, predict = loaded(folder)
    assert manifest.provenance
    source, *_ = manifest.provenance.sources
    assert (source.name, source.version) == (weights.name, "local")
    assert source.sha256 == hashlib.sha256((weights / "own.safetensors").read_bytes()).hexdigest()
    assert manifest.licence == source.licence
    assert f"EfficientNet-Lite0 with the weights of {weights.name} in 8 bits" in manifest.description
    [best] = predict(ImageInput(image=scikit_photos()["coffee"]), top_k=1)
    assert best["label"] == "espresso"

    card = (folder / "card.md").read_text(encoding="utf-8")
    rows = {line.split(" | ")[0]: line.split(" | ")[-1] for line in card.splitlines() if line.startswith("| Lite")}
    said = {name.strip("| "): right.strip("| ") for name, right in rows.items()}
    quoted = {"Lite2 in int8": "77.0 %", "Lite2 in fp32": "77.6 %"}
    assert said == {"Lite0 in int8": "not stated", "Lite0 in fp32": "not stated", **quoted}
    for of_the_published in ("these weights are a port", "113 of 117", "below about 0.3", LITE0.weights.source.name):
        assert of_the_published not in card
