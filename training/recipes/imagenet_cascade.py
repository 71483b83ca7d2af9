"""The name of what a photo shows, of 1,000: by EfficientNet-Lite0 where it is sure, else by Lite2, both in 8 bits.

Nothing is trained: imagenet-efficientnet is asked before imagenet-efficientnet-lite2, both as they are published in
`--models`. ImageNet's own photos are not to be had here, so what counts as right is what Lite2 says. On the 117 photos
of the test .034 of that are lost, where .002 was said, and a twentieth of the time is saved: it is not published.
"""

from collections.abc import Mapping, Sequence

from app.repository.manifest import Metric, Source
from app.tasks.file_bytes import to_base64
from training.card.markdown import table
from training.data import photos
from training.data.photos import scikit_photos, thumbnail
from training.recipe import Run
from training.recipes.cascades import CascadeKind, cascade_recipe
from training.recipes.two_models import JudgedSplit, Questions, TwoModels

SHOWN = ("cat", "coffee", "rocket", "astronaut", "motorcycle", "temple", "flower")


def questions(run: Run) -> tuple[Questions, Questions, Sequence[Source]]:
    """Photos that calibrated the graphs or chose their layers, and the test photos of both models."""
    used = photos.tiny_photos() if run.tiny else photos.load_photos()
    return questions_of([*used.calibration, *used.validation]), questions_of(used.test), photos.SOURCES


def questions_of(files: Sequence[bytes]) -> Questions:
    return Questions([{"image": to_base64(file)} for file in files], None, ["natural photos"] * len(files))


def figures(
    known: TwoModels, judged: JudgedSplit, enough: float, run: Run
) -> tuple[Sequence[Metric], Mapping[str, str]]:
    """The few photos of which everybody knows what they show."""
    shown = scikit_photos()
    items = [{"image": to_base64(shown[name])} for name in SHOWN]
    found = [known.small.answers(items), known.large.answers(items)]
    lines = []
    for i, name in enumerate(SHOWN):
        said = [f"{known.large.labels[one.scores[i].argmax()]} {one.scores[i].max():.2f}" for one in found]
        lines.append((name, *said, "Lite0" if found[0].confidence[i] >= enough else "Lite2"))
    return [], {
        "Photos that come with libraries": table(("it shows", "Lite0 says", "Lite2 says", "answered by"), lines)
    }


def examples(run: Run) -> list[dict[str, str]]:
    return [{"image": to_base64(thumbnail(scikit_photos()[name]))} for name in ("cat", "coffee", "temple", "rocket")]


RECIPE = cascade_recipe(
    CascadeKind(
        name="imagenet-cascade",
        task="image-classification",
        small="imagenet-efficientnet",
        large="imagenet-efficientnet-lite2",
        accuracy="share of photos with Lite2's best class",
        dataset="natural photos, central square",
        description="Says which of the 1,000 classes of ImageNet a photo shows: EfficientNet-Lite0 answers what it is "
        "sure of, Lite2 the rest, both in 8 bits.",
        notes="What counts as right is what Lite2 says, which by its authors is right of 77.0 % of ImageNet's "
        "validation images in 8 bits, and Lite0 of 74.4 %. Where the two differ nobody here knows which is right. One "
        "photo of the validation is .008 of it, so that of a loss of .002 none may differ.",
        questions=questions,
        figures=figures,
        examples=examples,
        limits=["It was chosen on 125 photos and judged on 117: too few to tell a loss of .002 from one of .03."],
    )
)
