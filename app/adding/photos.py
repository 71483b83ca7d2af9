"""A graph that reads photos, as a model of the task image-feature-extraction."""

from typing import Any

from app.adding.finding import Finding
from app.adding.graph import Graph
from app.adding.kinds import FEATURES
from app.adding.pictures import SCALES, USUAL_SIZE
from app.adding.served_as import ServedAs
from app.errors import InvalidArtifact, InvalidInput
from app.repository.manifest import Golden
from app.tasks.image_features import ImageFeatureExtraction, ImageFeaturesConfig, ImageFeaturesKernel
from app.tasks.tensors import RawTensorsConfig
from app.tasks.view import predict_json
from app.tensors import TensorSpec

ROUNDING = 1e-3  # of the largest number: what processors may differ by, in a deep network


def as_photos(graph: Graph, found: Finding, scale: str | None) -> ServedAs:
    """Raises InvalidInput if the graph of these tensors cannot be given photos, InvalidArtifact if it answers none."""
    if scale is None:
        raise InvalidInput(f"--photos is needed of a graph that makes vectors of them: {', '.join(SCALES)}")
    config = _config(found.config, scale)
    return ServedAs(
        FEATURES,
        config,
        (_golden(config, graph),),
        (),
        "photos in, vectors out",
        inputs=found.config.inputs,
        outputs=found.config.outputs,
        largest=found.largest,
        unbatched=found.unbatched,
    )


def _config(found: RawTensorsConfig, scale: str) -> ImageFeaturesConfig:
    if len(found.inputs) != 1:
        raise InvalidInput(f"--photos: the graph has {len(found.inputs)} inputs, and a photo is one")
    (image,) = found.inputs
    layout, size = _form_of(image)
    wanted = "FP32" if SCALES[scale] else "UINT8"
    if image.datatype != wanted:
        raise InvalidInput(f"--photos {scale}: {image.name} would have to be {wanted}, and is {image.datatype}")
    return ImageFeaturesConfig(
        input=image.name,
        output=found.outputs[0].name,
        image_size=size,
        resize_margin=size // 7,  # 32 of 224
        layout=layout,
        **SCALES[scale],
    )


def _golden(config: ImageFeaturesConfig, graph: Graph) -> Golden:
    view = ImageFeatureExtraction(ImageFeaturesKernel(config, {}))
    try:
        output = predict_json(view, {"model": graph.session}, dict(view.contract.example), {})
    except Exception as error:
        raise InvalidArtifact(f"--photos: the graph does not answer a photo: {error}") from error
    return Golden(input=dict(view.contract.example), output=output, tolerance=ROUNDING * max(1.0, *map(abs, output)))


def _form_of(image: TensorSpec) -> tuple[Any, int]:
    shape = image.shape
    if len(shape) == 4 and 3 in (shape[1], shape[3]):
        layout, sides = ("nchw", shape[2:]) if shape[1] == 3 else ("nhwc", shape[1:3])
        if sides[0] == sides[1]:
            return layout, sides[0] if sides[0] > 0 else USUAL_SIZE
    raise InvalidInput(
        f"--photos: {image.name} has shape {list(shape)}; photos are [n, 3, size, size] or [n, size, size, 3]"
    )
