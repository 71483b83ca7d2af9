"""preprocessor_config.json, as transformers writes it: how pictures become the numbers that a network reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from app.errors import InvalidInput, first_fault, said
from app.tasks.pixels import FILTERS, PixelsConfig, Resize
from app.tasks.scaling import PerColour

SQUARE: Mapping[str, bool] = {
    "ViT": True,
    "DeiT": True,
    "Beit": True,
    "Pvt": True,
    "Siglip": True,
    "CLIP": False,
    "Bit": False,
    "MobileNetV1": False,
    "MobileNetV2": False,
    "MobileViT": False,
}
"""Processors that do what is stated and no more: whether one number as a size means a square, or a shorter side."""

NOT_DONE = ("do_pad", "do_flip_channel_order", "do_color_quantize")
LEVELS = 255


def read_preprocessor(path: Path) -> tuple[PixelsConfig, PerColour, PerColour]:
    """The way to pixels, and the mean and standard deviation of a colour from 0 to 1.

    Raises InvalidInput for a file that does not tell them, or that states what is not done here.
    """
    try:
        stated = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(f"--preprocessor {path}: is no JSON object: {error}") from error
    try:
        is_square = SQUARE[_kind(stated)]
        return _pixels(stated, is_square=is_square), *_levels(stated)
    except ValidationError as error:
        raise InvalidInput(f"--preprocessor {path}: {said(first_fault(error))}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(f"--preprocessor {path}: what it states cannot be read: {error!r}") from error
    except InvalidInput as error:
        raise InvalidInput(f"--preprocessor {path}: {error}") from None


def _kind(stated: Mapping[str, Any]) -> str:
    name = str(stated.get("image_processor_type") or stated.get("feature_extractor_type") or "no processor")
    kind = name.removesuffix("Pil").removesuffix("Fast")
    kind = kind.removesuffix("ImageProcessor").removesuffix("FeatureExtractor")
    if kind not in SQUARE:
        known = ", ".join(f"{one}ImageProcessor" for one in SQUARE)
        raise InvalidInput(f"names {name:.80}; there are {known}; --mean, --std and --resize say it of any graph")
    if asked := next((setting for setting in NOT_DONE if stated.get(setting)), None):
        raise InvalidInput(f"states {asked}, which is not done here")
    return kind


def _pixels(stated: Mapping[str, Any], *, is_square: bool) -> PixelsConfig:
    resize = crop = None
    if stated.get("do_resize", True):
        size = stated["size"]
        if not isinstance(size, dict):
            size = {"height": size, "width": size} if is_square else {"shortest_edge": size}
        resize = Resize(filter=[*FILTERS_BY_NUMBER][int(stated["resample"])], **size)
    if stated.get("do_center_crop", False):
        size = stated["crop_size"]
        crop = (size["height"], size["width"]) if isinstance(size, dict) else (size, size)
    return PixelsConfig(resize=resize, crop=crop)


def _levels(stated: Mapping[str, Any]) -> tuple[PerColour, PerColour]:
    scale = LEVELS * float(stated["rescale_factor"] if "rescale_factor" in stated else 1 / LEVELS)
    if not stated.get("do_rescale", True):
        scale = LEVELS
    mean, std = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    if stated.get("do_normalize", True):
        mean, std = (_three(stated[name]) for name in ("image_mean", "image_std"))
    return _three([one / scale for one in mean]), _three([one / scale for one in std])


def _three(numbers: Any) -> PerColour:
    red, green, blue = map(float, numbers)
    return red, green, blue


FILTERS_BY_NUMBER = sorted(FILTERS, key=lambda name: FILTERS[name].value)
