"""The settings in preprocessor_config.json are done to the pixel, for every known processor, or refused by name."""

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers.image_utils import load_image

from app.repository.manifest import Source
from app.tasks.pixels import PixelsConfig, Resize, read_picture
from training.data.photos import scikit_photos
from training.errors import TrainingError
from training.importing.folder import ModelFolder
from training.importing.image_graphs import Numbers
from training.importing.image_processor import FILE, PIXELS, image_reading_of, require_same_numbers

MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
PHOTO = scikit_photos()["cat"]
TOLERANCE = 1e-6  # numbers of pixels are below 3


def folder_of(path: Path, settings: dict[str, Any]) -> ModelFolder:
    """A folder with these settings, and with what tells transformers which kind of model they belong to."""
    (path / FILE).write_text(json.dumps(settings))
    (path / "config.json").write_text(json.dumps({"model_type": "vit"}))
    return ModelFolder(path, "photos", {}, Source(name="photos", version="1", licence="", sha256="0" * 64, used_for=""))


def settings_of(name: str, **more: Any) -> dict[str, Any]:
    return {"image_processor_type": name, **more}


SQUARE, SHORTEST = {"height": 40, "width": 40}, {"shortest_edge": 40}
CROP = {"do_center_crop": True, "crop_size": {"height": 32, "width": 36}}
CASES = {
    **{name: settings_of(name) for name in PIXELS},
    **{f"resample {number}": settings_of("ViTImageProcessorFast", size=SQUARE, resample=number) for number in range(6)},
    "older name": {"feature_extractor_type": "ViTFeatureExtractor", "size": 48, "do_center_crop": False},
    "older name of a processor": settings_of("ViTFeatureExtractor", size=SQUARE),
    "one number for a size": settings_of("DeiTImageProcessor", size=48, crop_size=40),
    "not resized": settings_of("ViTImageProcessor", do_resize=False, **CROP),
    "nothing but pixels": settings_of("ViTImageProcessor", size=SQUARE, do_rescale=False, do_normalize=False),
    "not rescaled": settings_of(
        "ViTImageProcessor", size=SQUARE, do_rescale=False, image_mean=[120] * 3, image_std=[60] * 3
    ),
    "not normalised": settings_of("ViTImageProcessor", size=SQUARE, do_normalize=False, rescale_factor=1 / 127.5),
    "longest edge": settings_of("BitImageProcessor", size={"shortest_edge": 40, "longest_edge": 50}, **CROP),
    "one mean": settings_of("ViTImageProcessor", size=SQUARE, image_mean=0.5, image_std=0.25),
    "small ConvNeXt": settings_of(
        "ConvNextImageProcessorFast", size=SHORTEST, crop_pct=0.9, image_mean=MEAN, image_std=STD
    ),
    "large ConvNeXt": settings_of("ConvNextImageProcessor", size={"shortest_edge": 390}, crop_pct=0.9),
    "large ConvNeXt, cut": settings_of("ConvNextImageProcessor", size={"shortest_edge": 390}, **CROP),
    "ConvNeXt as it is": settings_of("ConvNextImageProcessor", do_resize=False, **CROP),
    "LeViT of a fixed size": settings_of("LevitImageProcessor", size=SQUARE, do_center_crop=False),
    "PoolFormer, square": settings_of("PoolFormerImageProcessor", size=SQUARE, crop_pct=0.95, **CROP),
    "PoolFormer, oblong": settings_of(
        "PoolFormerImageProcessor", size={"height": 40, "width": 44}, crop_pct=0.9, **CROP
    ),
    "EfficientNet from -1": settings_of(
        "EfficientNetImageProcessor", size=SQUARE, rescale_factor=1 / 127.5, rescale_offset=True, include_top=False
    ),
    "EfficientNet, twice": settings_of(
        "EfficientNetImageProcessor", size=SQUARE, do_normalize=False, include_top=True, image_std=STD
    ),
    "MobileViT in RGB": settings_of("MobileViTImageProcessor", size=SHORTEST, do_flip_channel_order=False, **CROP),
}


@pytest.mark.parametrize("case", CASES)
def test_pixels_are_those_of_the_processor(case: str, tmp_path: Path) -> None:
    reading = image_reading_of(folder_of(tmp_path, CASES[case]))
    assert type(reading.processor).__module__.startswith("transformers.")
    expected = reading.processor(load_image(Image.open(BytesIO(PHOTO))), return_tensors="pt")["pixel_values"]
    pixels = read_picture(PHOTO, reading.pixels).pixels
    found = Numbers(reading.levels)(torch.tensor(pixels)[None])
    assert found.shape == expected.shape
    assert (found - expected).abs().max() <= TOLERANCE * max(1, expected.abs().max())


def test_what_comes_out_otherwise_is_found_before_a_graph_is_written(tmp_path: Path) -> None:
    reading = image_reading_of(folder_of(tmp_path, settings_of("ViTImageProcessor", size=SQUARE)))
    require_same_numbers(reading, {"cat": PHOTO})
    nearest = PixelsConfig(resize=Resize(filter="nearest", height=40, width=40))
    with pytest.raises(TrainingError, match=r"cat is prepared otherwise than transformers does .*, by 0\.\d"):
        require_same_numbers(replace(reading, pixels=nearest), {"cat": PHOTO})
    with pytest.raises(TrainingError, match=r"cat comes to \[3, 300, 451\] by .*, in transformers \[3, 40, 40\]"):
        require_same_numbers(replace(reading, pixels=PixelsConfig()), {"cat": PHOTO})


REFUSED = {
    "an unknown processor": (settings_of("FooImageProcessor"), "names FooImageProcessor; what can be imported is ViT"),
    "one that pads": (settings_of("ViTImageProcessor", do_pad=True, pad_size=SQUARE), "states do_pad, and pictures"),
    "a filter by its name": (settings_of("ViTImageProcessor", resample="bicubic"), "states what cannot be imported"),
    "no factor": (settings_of("ViTImageProcessor", size=SQUARE, rescale_factor=None), "states what cannot be imported"),
    "no filter": (settings_of("ViTImageProcessor", resample=7), "7"),
    "a longest edge alone": (
        settings_of("BitImageProcessor", size={"longest_edge": 50}),
        "a size has height and width",
    ),
    "a number of pixels": (settings_of("ViTImageProcessor", size={"min_pixels": 9, "max_pixels": 99}), "min_pixels"),
    "a huge size": (settings_of("ViTImageProcessor", size={"height": 9000, "width": 40}), "less than or equal to 8192"),
    "a crop without size": (settings_of("ViTImageProcessor", do_center_crop=True), "do_center_crop, and no crop_size"),
    "ConvNeXt without a side": (settings_of("ConvNextImageProcessor", size=SQUARE), "a size without shortest_edge"),
    "cut twice": (settings_of("ConvNextImageProcessor", size=SHORTEST, **CROP), "crop_pct has cut already"),
    "two means": (settings_of("ViTImageProcessor", image_mean=[0.5, 0.5]), "states image_mean as"),
    "no deviation": (settings_of("ViTImageProcessor", image_std=[0, 1, 1]), "image_mean and image_std that make no"),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_done_here_is_refused_by_name(case: str, tmp_path: Path) -> None:
    settings, message = REFUSED[case]
    with pytest.raises(TrainingError) as caught:
        image_reading_of(folder_of(tmp_path, settings))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_settings_nothing_tells_how_pictures_are_prepared(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, {})
    (tmp_path / FILE).unlink()
    with pytest.raises(TrainingError, match=f"has no {FILE}, so nothing tells how pictures are prepared"):
        image_reading_of(folder)
    (tmp_path / FILE).write_text("[1")
    with pytest.raises(TrainingError, match="is not a JSON object"):
        image_reading_of(folder)
