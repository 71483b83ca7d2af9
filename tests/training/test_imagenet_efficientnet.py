from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.repository.golden import difference
from app.repository.manifest import Manifest
from app.repository.publish import MANIFEST, sha256_of
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.base import predict_alone, to_json
from app.tasks.image_classification import ImageClassification, ImageInput
from training.data.photos import scikit_photos
from training.recipe import Recipe, Run, TrainingError, build
from training.recipes.imagenet_efficientnet import LITE2, RECIPE, TOLERANCE, Answers, agreement
from training.recipes.imagenet_efficientnet_lite2 import RECIPE as LITE2_RECIPE

COMMITTED = Path(__file__).parents[2] / "models" / RECIPE.name / "2"

Predict = Callable[..., list[dict[str, float]]]


def loaded(folder: Path) -> tuple[Manifest, Predict]:
    """A version's manifest, and a function that answers an item and parameters as the service would."""
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    config = ImageClassification.Config.model_validate(manifest.config)
    task = ImageClassification(config, {name: folder / name for name in manifest.files})
    session = load_onnx(folder / manifest.graphs["model"], RuntimeOptions(device="cpu"))

    def predict(item: ImageInput, **parameters: int) -> list[dict[str, float]]:
        return to_json(predict_alone(task, {"model": session}, item, task.Parameters.model_validate(parameters)))

    return manifest, predict


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


@pytest.mark.parametrize(("recipe", "side"), [(RECIPE, 224), (LITE2_RECIPE, 260)], ids=["Lite0", "Lite2"])
def test_a_tiny_run_publishes_a_version_that_answers(tmp_path: Path, recipe: Recipe, side: int) -> None:
    (tmp_path / "work").mkdir()
    try:
        build(recipe, Run(tmp_path / "work", tiny=True), tmp_path / "models")
    except TrainingError as error:
        pytest.skip(str(error))
    folder = tmp_path / "models" / recipe.name / "1"
    manifest, predict = loaded(folder)
    assert manifest.precision == "int8"
    assert manifest.inputs[0].shape == (-1, side, side, 3)
    labels = predict(ImageInput.model_validate(ImageClassification.example), top_k=1000)
    assert len(labels) == manifest.outputs[0].shape[1] == 1000
    assert sum(label["score"] for label in labels) == pytest.approx(1, abs=1e-3)
    card = (folder / "card.md").read_text(encoding="utf-8")
    assert all(f"| {size} in {precision} |" in card for size in ("Lite0", "Lite2") for precision in ("int8", "fp32"))
    assert card.count("(card/") == 3


def test_agreement_is_with_the_float_graph_of_the_same_size() -> None:
    sure, unsure = [0.9, 0.1], [0.4, 0.3]
    mine = Answers(
        fp32=np.array([sure, unsure], np.float32),
        served=np.array([[0.8, 0.2], [0.3, 0.4]], np.float32),
        plain=np.array([[0.1, 0.9], [0.3, 0.4]], np.float32),
    )
    other = Answers(*[np.array([sure, unsure[::-1]], np.float32)] * 3)
    best, gap, where_sure = agreement(mine, other, LITE2)
    assert (best.value, *best.baselines.values()) == (0.5, 0.0, 1.0)
    assert (gap.value, *gap.baselines.values()) == pytest.approx((0.1, 0.45, 0.0))
    assert (where_sure.value, *where_sure.baselines.values()) == (1.0, 0.0)
