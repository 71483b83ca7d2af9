"""The preprocessor_config.json of a model that sees: how pictures become the numbers that its network reads."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import transformers
from PIL import Image
from pydantic import ValidationError
from transformers.image_utils import load_image

from app.tasks.pixels import FILTERS, PixelsConfig, Resize, read_picture
from app.tensors import Array
from training.errors import TrainingError, first_line, refusing
from training.importing.folder import ModelFolder

FILE = "preprocessor_config.json"
COLOURS = 3
LEVITS = 256 / 224  # pixels that LeViT resizes to for each one that is stated
YOLOS_PATCH = 16
SAME = 1e-6  # of the largest number: transformers rounds each step to fp32
WARPED = 384  # pixels from which on ConvNeXt resizes to a square, and cuts nothing off


@dataclass(frozen=True, slots=True)
class Levels:
    """The number that a network reads for each level of a colour: `level * scale + shift`, both fp64 [3] for RGB.

    `is_bgr`: the numbers of blue come first.
    """

    scale: Array
    shift: Array
    is_bgr: bool


@dataclass(frozen=True, slots=True)
class ImageReading:
    """`processor` is that of transformers, with Pillow; `pixels` and `levels` together do the same."""

    processor: Any
    pixels: PixelsConfig
    levels: Levels


def image_reading_of(folder: ModelFolder) -> ImageReading:
    """Raises TrainingError if there is no FILE, or for the first setting in it that is not done here."""
    path = folder.path / FILE
    if not path.is_file():
        raise TrainingError(f"{folder.path} has no {FILE}, so nothing tells how pictures are prepared")
    with refusing(f"{path} is not a JSON object"):
        stated = dict(json.loads(path.read_text(encoding="utf-8")))
    stated_name = stated.get("image_processor_type", stated.get("feature_extractor_type"))
    kind, options = "AutoImageProcessor", {"backend": "pil", "trust_remote_code": False}
    if stated_name:
        kind, options = f"{_known(str(stated_name))}Pil", {}
    with refusing(f"{path} cannot be read"):
        processor = getattr(transformers, kind).from_pretrained(folder.path, local_files_only=True, **options)
    name = _known(type(processor).__name__)
    if getattr(processor, "do_pad", None) and (processor.pad_size or getattr(processor, "size_divisor", None)):
        # Without a size it makes pictures of one batch alike, and here only those that are alike share one.
        raise TrainingError(f"{FILE} states do_pad, and pictures are not padded here")
    with refusing(f"{path} states what cannot be imported"):
        try:
            return ImageReading(processor, PIXELS[name](processor), _levels(processor))
        except ValidationError as error:
            (fault, *_) = error.errors()
            place = ".".join(map(str, fault["loc"]))
            raise TrainingError(f"the sizes in {FILE} cannot be imported: {place}: {fault['msg']}") from error


def require_same_numbers(reading: ImageReading, photos: Mapping[str, bytes]) -> None:
    """Raises TrainingError unless `reading` makes the numbers of each photo that its processor makes."""
    for name, photo in photos.items():
        pixels = read_picture(photo, reading.pixels).pixels
        numbers = pixels * reading.levels.scale + reading.levels.shift
        numbers = numbers[..., ::-1] if reading.levels.is_bgr else numbers
        try:
            expected = np.asarray(reading.processor(load_image(Image.open(BytesIO(photo))))["pixel_values"][0])
        except Exception as error:  # of settings as somebody wrote them
            raise TrainingError(f"transformers itself cannot prepare {name} by {FILE}: {first_line(error)}") from error
        found = numbers.transpose(2, 0, 1)
        if found.shape != expected.shape:
            raise TrainingError(
                f"{name} comes to {list(found.shape)} by {FILE}, in transformers {list(expected.shape)}"
            )
        difference = np.abs(found - expected).max()
        if not difference <= SAME * max(1.0, np.abs(expected).max()):
            raise TrainingError(f"{name} is prepared otherwise than transformers does by {FILE}, by {difference:.2g}")


def _known(name: str) -> str:
    """The name of a processor in PIXELS, whatever it computes with, and however old it is. Raises TrainingError."""
    plain = name.removesuffix("Pil").removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    if plain not in PIXELS:
        raise TrainingError(f"{FILE} names {name:.80}; what can be imported is {', '.join(PIXELS)}")
    return plain


def as_stated(processor: Any) -> PixelsConfig:
    """Resized to `size`, then cut to `crop_size`."""
    return PixelsConfig(resize=_resize(processor, **dict(processor.size or {})), crop=_crop(processor))


def as_convnext(processor: Any) -> PixelsConfig:
    """Resized to more than `size`, by `crop_pct`, and cut to it; or resized to it without a regard to its shape."""
    if not processor.do_resize:
        return as_stated(processor)
    side = _shortest_edge(processor)
    if side >= WARPED:
        return PixelsConfig(resize=_resize(processor, height=side, width=side), crop=_crop(processor))
    if processor.do_center_crop:
        raise TrainingError(f"{FILE} states do_center_crop, for pictures that crop_pct has cut already")
    return PixelsConfig(resize=_resize(processor, shortest_edge=int(side / processor.crop_pct)), crop=(side, side))


def as_levit(processor: Any) -> PixelsConfig:
    """Resized to 256 pixels for every 224 of `size`."""
    if not processor.do_resize or not processor.size.shortest_edge:
        return as_stated(processor)
    side = int(LEVITS * processor.size.shortest_edge)
    return PixelsConfig(resize=_resize(processor, shortest_edge=side), crop=_crop(processor))


def as_poolformer(processor: Any) -> PixelsConfig:
    """Resized to more than `size`, by `crop_pct`."""
    share, size = processor.crop_pct, processor.size
    if not processor.do_resize or share is None:
        return as_stated(processor)
    side = size.shortest_edge or (size.height if size.height == size.width else None)
    if side:
        more = _resize(processor, shortest_edge=int(side / share))
    elif size.height and size.width:
        more = _resize(processor, height=int(size.height / share), width=int(size.width / share))
    else:
        raise TrainingError(f"{FILE} states a crop_pct, and a size without one of a side")
    return PixelsConfig(resize=more, crop=_crop(processor))


def as_yolos(processor: Any) -> PixelsConfig:
    """Resized to multiples of 16 pixels, unless the size is stated as a height and a width."""
    return PixelsConfig(resize=_resize(processor, **dict(processor.size or {}), multiple_of=YOLOS_PATCH))


def as_detr(processor: Any) -> PixelsConfig:
    """Resized to `size`, and never cut."""
    return PixelsConfig(resize=_resize(processor, **dict(processor.size or {})))


def as_dpt(processor: Any) -> PixelsConfig:
    """Resized to `size` without a regard to the shape."""
    size, step = dict(processor.size or {}), processor.ensure_multiple_of or 1
    if processor.do_resize and (processor.keep_aspect_ratio or any(side % step for side in size.values())):
        raise TrainingError(f"{FILE} states keep_aspect_ratio or ensure_multiple_of, by which no size is found here")
    return PixelsConfig(resize=_resize(processor, **size))


PIXELS: Mapping[str, Callable[[Any], PixelsConfig]] = {
    "ViTImageProcessor": as_stated,
    "DeiTImageProcessor": as_stated,
    "ConvNextImageProcessor": as_convnext,
    "MobileNetV1ImageProcessor": as_stated,
    "MobileNetV2ImageProcessor": as_stated,
    "EfficientNetImageProcessor": as_stated,
    "BeitImageProcessor": as_stated,
    "BitImageProcessor": as_stated,
    "CLIPImageProcessor": as_stated,
    "LevitImageProcessor": as_levit,
    "MobileViTImageProcessor": as_stated,
    "PoolFormerImageProcessor": as_poolformer,
    "PvtImageProcessor": as_stated,
    "SegformerImageProcessor": as_stated,
    "SiglipImageProcessor": as_stated,
    "DPTImageProcessor": as_dpt,
    "DetrImageProcessor": as_detr,
    "ConditionalDetrImageProcessor": as_detr,
    "DeformableDetrImageProcessor": as_detr,
    "RTDetrImageProcessor": as_detr,
    "YolosImageProcessor": as_yolos,
}
"""By the name of a processor: how it makes pictures as large as its network reads them."""


def _resize(processor: Any, **size: int) -> Resize | None:
    if not processor.do_resize:
        return None
    by_number = {int(method): name for name, method in FILTERS.items()}
    # Where nothing is stated, transformers takes bilinear.
    name = "bilinear" if processor.resample is None else by_number.get(int(processor.resample))
    if name is None:
        raise TrainingError(f"{FILE} states resample {processor.resample}, which is no filter of Pillow")
    return Resize.model_validate({"filter": name, **size})


def _crop(processor: Any) -> tuple[int, int] | None:
    if not processor.do_center_crop:
        return None
    size = dict(processor.crop_size or {})
    if size.keys() != {"height", "width"}:
        raise TrainingError(f"{FILE} states do_center_crop, and no crop_size with a height and a width")
    return size["height"], size["width"]


def _shortest_edge(processor: Any) -> int:
    side = processor.size.shortest_edge if processor.size else None
    if not side:
        raise TrainingError(f"{FILE} states a size without shortest_edge, which {type(processor).__name__} reads")
    return int(side)


def _levels(processor: Any) -> Levels:
    """The steps of transformers as one product and one sum: scaled, moved, and once or twice normalised."""
    scale, shift = np.ones(COLOURS), np.zeros(COLOURS)
    if processor.do_rescale:
        scale *= processor.rescale_factor
        shift -= bool(getattr(processor, "rescale_offset", False))
    if processor.do_normalize:
        mean, std = _per_colour(processor, "image_mean"), _per_colour(processor, "image_std")
        scale, shift = scale / std, (shift - mean) / std
    if getattr(processor, "include_top", False):
        std = _per_colour(processor, "image_std")
        scale, shift = scale / std, shift / std
    if not (np.isfinite(scale).all() and np.isfinite(shift).all()):
        raise TrainingError(f"{FILE} states rescale_factor, image_mean and image_std that make no numbers of pixels")
    return Levels(scale, shift, bool(getattr(processor, "do_flip_channel_order", False)))


def _per_colour(processor: Any, name: str) -> Array:
    stated = getattr(processor, name)
    try:
        return np.broadcast_to(np.asarray(stated, np.float64), COLOURS)
    except (ValueError, TypeError) as error:
        raise TrainingError(f"{FILE} states {name} as {stated!r:.80}, which is no number for each colour") from error
