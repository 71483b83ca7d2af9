"""The form in which a graph reads pictures: by its input, and by what was said of it."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal, NamedTuple

from pydantic import ValidationError

from app.adding.graph import Graph
from app.adding.preprocessor import read_preprocessor
from app.adding.wishes import Wishes
from app.errors import InvalidInput, first_fault, said
from app.runtimes.signature import Signature
from app.tasks.pixels import FILTERS, PixelsConfig, Resize
from app.tensors import TensorSpec

SCALES: Mapping[str, dict[str, Any]] = {
    "uint8": {},
    "unit": {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
    "signed": {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)},
    "imagenet": {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
}
"""Pixels as a graph reads them: whole numbers to 255, from 0 to 1, from -1 to 1, or scaled as torchvision does."""

USUAL: Mapping[str, str] = {"UINT8": "uint8", "FP32": "imagenet"}
USUAL_SIZE = 224  # where the graph takes any
SHOWN = 7 / 8  # of the shorter side: 224 of 256 pixels, as torchvision cuts them
COLOURS = 3
RESIZE = re.compile(r"(?P<first>\d{1,5})(x(?P<second>\d{1,5}))?(:(?P<filter>\w+))?")


class Form(NamedTuple):
    """`scaling` has the fields of ScalingConfig; `notes` are sentences on what nobody has said."""

    image: TensorSpec
    scaling: Mapping[str, Any]
    pixels: PixelsConfig
    notes: tuple[str, ...]


def image_of(signature: Signature) -> tuple[TensorSpec, Literal["nchw", "nhwc"]] | None:
    """Return the one input if it can be pictures, and where its colours stand; else nothing."""
    if len(signature.inputs) != 1:
        return None
    (image,) = signature.inputs
    if image.datatype not in USUAL or len(image.shape) != 4 or COLOURS not in (image.shape[1], image.shape[3]):
        return None
    return image, "nchw" if image.shape[1] == COLOURS else "nhwc"


def form_of(graph: Graph, wishes: Wishes) -> Form:
    """Raises InvalidInput if the graph does not read pictures, or not such ones."""
    found = image_of(graph.signature)
    if found is None:
        there = ", ".join(f"{one.name} {one.datatype} {list(one.shape)}" for one in graph.signature.inputs)
        raise InvalidInput(
            f"a graph that labels photos reads one tensor, FP32 or UINT8, [n, 3, height, width] or "
            f"[n, height, width, 3]; this one reads {there}"
        )
    image, layout = found
    if image.shape[0] not in (-1, 1):
        raise InvalidInput(f"{image.name} has {image.shape[0]} photos; it must be any number, or one")
    size = _size(graph, image, layout, wishes)
    if wishes.preprocessor:
        pixels, mean, std = read_preprocessor(wishes.preprocessor)
        if others := [option for option, _ in wishes.options() if option in ("photos", "mean", "std", "resize")]:
            raise InvalidInput(f"--preprocessor tells the whole way to pixels; leave out --{others[0]}")
        return _form(image, layout, size, {"mean": mean, "std": std}, pixels, ())
    scale, scaled = _scale(image, wishes)
    resize, resized = _resize(size, wishes)
    return _form(image, layout, size, scale, PixelsConfig(resize=resize, crop=size), (*scaled, *resized))


def _form(
    image: TensorSpec,
    layout: str,
    size: tuple[int, int],
    scale: Mapping[str, Any],
    pixels: PixelsConfig,
    notes: tuple[str, ...],
) -> Form:
    wanted = "FP32" if scale else "UINT8"
    if image.datatype != wanted:
        raise InvalidInput(f"{image.name} would have to be {wanted} for pixels of that scale, and is {image.datatype}")
    if pixels.size is None:
        raise InvalidInput("--preprocessor: it does not bring all photos to one size")
    fixed = image.shape[2:] if layout == "nchw" else image.shape[1:3]
    if any(side not in (-1, made) for side, made in zip(fixed, pixels.size, strict=True)):
        made = " x ".join(map(str, pixels.size))
        raise InvalidInput(f"photos come to {made} pixels, and {image.name} reads {' x '.join(map(str, size))}")
    return Form(image, {"layout": layout, **scale}, pixels, notes)


def _wished(text: str, size: tuple[int, int]) -> Resize:
    found = RESIZE.fullmatch(text)
    if found is None or (found["filter"] or "bilinear") not in FILTERS:
        raise InvalidInput(
            f"--resize {text}: is neither 256, of the shorter side, nor 224x224, of height and width, and maybe "
            f"a filter as in 256:bicubic; there are {', '.join(FILTERS)}"
        )
    filter_, first, second = found["filter"] or "bilinear", int(found["first"]), found["second"]
    stated = {"shortest_edge": first} if second is None else {"height": first, "width": int(second)}
    made = (first, first) if second is None else (first, int(second))
    if made[0] < size[0] or made[1] < size[1]:
        raise InvalidInput(f"--resize {text}: is less than the {size[0]} x {size[1]} pixels that the graph reads")
    try:
        return Resize.model_validate({"filter": filter_, **stated})
    except ValidationError as error:
        raise InvalidInput(f"--resize {text}: {said(first_fault(error))}") from error


def _colours(text: str, option: str) -> tuple[float, ...]:
    """Numbers for red, green and blue, of one or three of them."""
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        numbers = ()
    is_good = len(numbers) in (1, COLOURS) and all(map(isfinite, numbers)) and (option == "mean" or min(numbers) > 0)
    if not is_good:
        raise InvalidInput(f"--{option} {text}: must be three numbers as in 0.485,0.456,0.406 of pixels from 0 to 1")
    return numbers * COLOURS if len(numbers) == 1 else numbers


def _size(graph: Graph, image: TensorSpec, layout: str, wishes: Wishes) -> tuple[int, int]:
    """Height and width: those of the graph, those that were said, else USUAL_SIZE."""
    graph.dimensions.require_known(wishes.sizes)
    shape = graph.dimensions.inputs[image.name]
    sides = shape[2:] if layout == "nchw" else shape[1:3]
    height, width = (one if isinstance(one, int) else wishes.sizes.get(one, USUAL_SIZE) for one in sides)
    return height, width


def _scale(image: TensorSpec, wishes: Wishes) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    if wishes.mean is not None or wishes.std is not None:
        if wishes.mean is None or wishes.std is None:
            raise InvalidInput("--mean and --std belong together")
        if wishes.photos:
            raise InvalidInput("--photos and --mean say the same in two ways; leave out one")
        return {"mean": _colours(wishes.mean, "mean"), "std": _colours(wishes.std, "std")}, ()
    usual = USUAL[image.datatype]
    note = f"pixels are scaled as {usual}, as is usual; --photos, or --mean and --std, say otherwise"
    return SCALES[wishes.photos or usual], () if wishes.photos or usual == "uint8" else (note,)


def _resize(size: tuple[int, int], wishes: Wishes) -> tuple[Resize, tuple[str, ...]]:
    if wishes.resize:
        return _wished(wishes.resize, size), ()
    height, width = size
    if height != width:
        return Resize(filter="bilinear", height=height, width=width), (
            f"photos are resized to {height} x {width} pixels whatever their shape; --resize says otherwise",
        )
    shorter = round(height / SHOWN)
    return Resize(filter="bilinear", shortest_edge=shorter), (
        f"the shorter side of photos is resized to {shorter} pixels, as is usual, of which the middle is seen; "
        "--resize says otherwise",
    )
