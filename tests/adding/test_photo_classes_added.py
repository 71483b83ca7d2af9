import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import transformers
from graphs import save
from onnx import helper
from PIL import Image
from published import opened

from app.__main__ import main
from app.adding.command import add
from app.adding.preprocessor import read_preprocessor
from app.adding.wishes import Wishes
from app.errors import InvalidInput
from app.repository.repository import ModelRepository
from app.tasks.file_bytes import to_base64
from app.tasks.image_input import CAT
from app.tasks.labels import softmax
from app.tasks.pixels import read_picture
from app.tasks.view import predict_json

IMAGENET = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def colours(path: Path, shape: list, *ends: str, datatype: str = "FP32") -> Path:
    """The mean of each colour of a photo, [n, 3], after `ends`."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["numbers"], to=1),
        helper.make_node("ReduceMean", ["numbers", "axes"], ["means0"], keepdims=0),
        *[helper.make_node(end, [f"means{i}"], [f"means{i + 1}"]) for i, end in enumerate(ends)],
        helper.make_node("Identity", [f"means{len(ends)}"], ["scores"]),
    ]
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    return save(path, nodes, [("pixels", datatype, shape)], [("scores", "FP32", ["n", 3])], axes=np.array(axes))


def given(folder: Path, labels="red\ngreen\nblue\n", **more) -> Wishes:
    (folder / "labels.txt").write_text(labels)
    return Wishes(labels=folder / "labels.txt", **more)


def answered(folder: Path) -> dict[str, float]:
    loaded = opened(folder / "models", "mine")
    output = predict_json(loaded.views[0], loaded.sessions, {"image": to_base64(CAT)}, {})
    return {one["label"]: pytest.approx(one["score"], abs=1e-4) for one in output}


def expected(size: tuple[int, int], resized: tuple[int, int], mean, std, resample=Image.Resampling.BILINEAR) -> dict:
    """The scores of `colours`, as torchvision would prepare the photo."""
    image = Image.open(BytesIO(CAT)).convert("RGB").resize(resized[::-1], resample)
    top, left = ((side - kept) // 2 for side, kept in zip(resized, size, strict=True))
    pixels = np.asarray(image)[top : top + size[0], left : left + size[1]]
    scores = softmax(((pixels / 255 - mean) / std).mean(axis=(0, 1)))
    return dict(zip(("red", "green", "blue"), scores.tolist(), strict=True))


def shorter(side: int) -> tuple[int, int]:
    width, height = Image.open(BytesIO(CAT)).size
    return (side, int(side * width / height)) if height <= width else (int(side * height / width), side)


def test_a_graph_that_reads_photos_labels_them_with_class_names(tmp_path):
    added = add(colours(tmp_path / "g.onnx", ["n", 3, 56, 56]), "mine", tmp_path / "models", given(tmp_path))
    assert added.manifest.task == "image-classification"
    assert added.manifest.inputs[0].model_dump() == {"name": "image", "datatype": "UINT8", "shape": (-1, 56, 56, 3)}
    assert added.manifest.outputs[0].model_dump() == {"name": "probabilities", "datatype": "FP32", "shape": (-1, 3)}
    assert not added.unbatched
    assert added.manifest.batching.max_batch_size > 1
    assert answered(tmp_path) == expected((56, 56), shorter(64), *IMAGENET)
    assert added.said == (
        "pixels are scaled as imagenet, as is usual; --photos, or --mean and --std, say otherwise",
        "the shorter side of photos is resized to 64 pixels, as is usual, of which the middle is seen; --resize says "
        "otherwise",
        "its output scores has logits, by its answers to a few items; --outputs says otherwise",
    )


@pytest.mark.parametrize(
    ("shape", "wishes", "size", "resized", "mean", "std"),
    [
        (["n", 32, 32, 3], {"photos": "signed"}, (32, 32), shorter(37), 0.5, 0.5),
        ([1, 3, 32, 32], {"photos": "unit", "resize": "32", "outputs": "logits"}, (32, 32), shorter(32), 0, 1),
        (["n", 3, 32, 48], {"mean": "0.4,0.5,0.6", "std": "0.2"}, (32, 48), (32, 48), np.array([0.4, 0.5, 0.6]), 0.2),
        (["n", 3, 32, 32], {"photos": "unit", "resize": "40x36", "outputs": "logits"}, (32, 32), (40, 36), 0, 1),
        (
            ["n", 3, "h", "w"],
            {"sizes": {"h": 40, "w": 40}, "photos": "unit", "outputs": "logits"},
            (40, 40),
            shorter(46),
            0,
            1,
        ),
    ],
)
def test_photos_are_prepared_as_was_said(tmp_path, shape, wishes, size, resized, mean, std):
    added = add(colours(tmp_path / "g.onnx", shape), "mine", tmp_path / "models", given(tmp_path, **wishes))
    assert answered(tmp_path) == expected(size, resized, mean, std)
    assert (added.unbatched == "it takes one row at a time") == (shape[0] == 1)


def test_where_nobody_says_how_large_photos_are_224_pixels_are(tmp_path):
    add(colours(tmp_path / "g.onnx", ["n", 3, "h", "w"]), "mine", tmp_path / "models", given(tmp_path))
    assert answered(tmp_path) == expected((224, 224), shorter(256), *IMAGENET)


def test_a_graph_of_bytes_is_given_bytes(tmp_path):
    file = colours(tmp_path / "g.onnx", ["n", 32, 32, 3], "Softmax", datatype="UINT8")
    added = add(file, "mine", tmp_path / "models", given(tmp_path))
    assert "mean" not in added.manifest.config["graph"]
    assert added.manifest.config["graph"]["is_applied"]
    assert sum(one.expected for one in answered(tmp_path).values()) == pytest.approx(1)


def test_a_shared_largest_number_is_found_and_photos_are_seen_one_by_one(tmp_path):
    nodes = [
        helper.make_node("ReduceMean", ["pixels", "axes"], ["means"], keepdims=0),
        helper.make_node("ReduceMax", ["means", "first"], ["most"]),
        helper.make_node("Sub", ["means", "most"], ["scores"]),
    ]
    file = save(
        tmp_path / "g.onnx",
        nodes,
        [("pixels", "FP32", ["n", 3, 32, 32])],
        [("scores", "FP32", ["n", 3])],
        axes=np.array([2, 3]),
        first=np.array([0]),
    )
    added = add(file, "mine", tmp_path / "models", given(tmp_path, outputs="logits"))
    assert added.manifest.batching.max_batch_size == 1
    assert added.unbatched.startswith("ReduceMax makes one value of several rows")


PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "resample": 3,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.5, 0.6, 0.7],
}


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"size": 32, "resample": 2},
        {"do_normalize": False},
        {"rescale_factor": 1 / 127.5},
        {"do_rescale": False},
        {"image_processor_type": "CLIPImageProcessor", "size": 40, "do_center_crop": True, "crop_size": 32},
        {
            "image_processor_type": "MobileNetV1FeatureExtractor",
            "size": {"shortest_edge": 36},
            "do_center_crop": True,
            "crop_size": {"height": 32, "width": 28},
        },
        {"image_processor_type": "SiglipImageProcessorFast", "do_convert_rgb": None},
    ],
)
def test_a_preprocessor_of_transformers_is_read_as_transformers_does(tmp_path, changed):
    stated = PREPROCESSOR | changed
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(stated))
    name = stated["image_processor_type"].removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    processor = getattr(transformers, f"{name}Pil")(**{key: stated[key] for key in stated if "type" not in key})
    theirs = np.asarray(processor(Image.open(BytesIO(CAT)))["pixel_values"][0])
    pixels, mean, std = read_preprocessor(tmp_path / "preprocessor_config.json")
    ours = (read_picture(CAT, pixels).pixels / 255 - np.array(mean)) / np.array(std)
    assert ours.transpose(2, 0, 1) == pytest.approx(theirs, abs=2e-5 * float(np.abs(theirs).max()))


def test_a_preprocessor_tells_the_whole_way(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(PREPROCESSOR))
    wishes = {"preprocessor": tmp_path / "preprocessor_config.json"}
    file = colours(tmp_path / "g.onnx", ["n", 3, "h", "w"])
    added = add(file, "mine", tmp_path / "models", given(tmp_path, **wishes))
    mean, std = (np.array(PREPROCESSOR[name]) for name in ("image_mean", "image_std"))
    assert answered(tmp_path) == expected((32, 32), (32, 32), mean, std, Image.Resampling.BICUBIC)
    assert len(added.said) == 1
    with pytest.raises(InvalidInput, match="--preprocessor tells the whole way to pixels; leave out --photos"):
        add(file, "mine", tmp_path / "models", given(tmp_path, photos="unit", **wishes))
    file = colours(tmp_path / "h.onnx", ["n", 3, 64, 64])
    with pytest.raises(InvalidInput, match="photos come to 32 x 32 pixels, and pixels reads 64 x 64"):
        add(file, "mine", tmp_path / "models", given(tmp_path, **wishes))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no JSON object"),
        ("[1]", "is no JSON object"),
        ("{}", "names no processor; there are ViTImageProcessor"),
        ('{"image_processor_type": "DetrImageProcessor"}', "names DetrImageProcessor; there are ViT"),
        (json.dumps(PREPROCESSOR | {"do_pad": True}), "states do_pad, which is not done here"),
        (json.dumps(PREPROCESSOR | {"size": {"short": 3}}), "what it states cannot be read|short: Extra inputs"),
        (json.dumps({key: value for key, value in PREPROCESSOR.items() if key != "size"}), "KeyError.'size'"),
        (json.dumps(PREPROCESSOR | {"image_std": [0, 1]}), "what it states cannot be read"),
    ],
)
def test_a_preprocessor_that_cannot_be_read_is_refused(tmp_path, text, says):
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(InvalidInput, match=rf"^--preprocessor .*preprocessor_config\.json: .*({says})"):
        read_preprocessor(tmp_path / "preprocessor_config.json")


@pytest.mark.parametrize(
    ("shape", "wishes", "says"),
    [
        (["n", 3, 32, 32], {"labels": "a\nb\n"}, "there are 2 names, and for one item the graph has scores 3 numbers"),
        (["n", 3, 32, 32], {"mean": "0.5"}, "--mean and --std belong together"),
        (["n", 3, 32, 32], {"mean": "0.5,0.5", "std": "1"}, "--mean 0.5,0.5: must be three numbers"),
        (["n", 3, 32, 32], {"mean": "0", "std": "0"}, "--std 0: must be three numbers"),
        (["n", 3, 32, 32], {"mean": "0", "std": "1", "photos": "unit"}, "--photos and --mean say the same"),
        (["n", 3, 32, 32], {"photos": "uint8"}, "pixels would have to be UINT8 for pixels of that scale, and is FP32"),
        (["n", 3, 32, 32], {"resize": "30"}, "--resize 30: is less than the 32 x 32 pixels"),
        (["n", 3, 32, 32], {"resize": "big"}, "--resize big: is neither 256, of the shorter side"),
        (["n", 3, 32, 32], {"resize": "64:sharp"}, "there are nearest, box, bilinear"),
        (["n", 3, 32, 32], {"outputs": "numbers"}, "labels of photos have probabilities"),
        (["n", 3, 32, 32], {"max_tokens": 3}, "--max-tokens is for models of text-classification, and this becomes"),
        ([7, 3, 32, 32], {}, "pixels has 7 photos; it must be any number, or one"),
        (["n", 4, 32, 32], {"photos": "unit"}, r"this one reads pixels FP32 \[-1, 4, 32, 32\]"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(tmp_path, shape, wishes, says):
    with pytest.raises(InvalidInput, match=says):
        add(colours(tmp_path / "g.onnx", shape), "mine", tmp_path / "models", given(tmp_path, **wishes))
    assert not (tmp_path / "models").exists()


def test_of_two_names_that_look_the_same_the_later_gets_its_number(tmp_path):
    added = add(
        colours(tmp_path / "g.onnx", ["n", 3, 32, 32]), "mine", tmp_path / "models", given(tmp_path, "a\nb\na\n")
    )
    assert "names that come twice have their number: a (3)" in added.said
    labels = tmp_path / "models" / "mine" / "1" / "labels.json"
    assert json.loads(labels.read_text()) == ["a", "b", "a (3)"]
    with pytest.raises(InvalidInput, match="line 2 and line 3 are both 'a'"):
        add(tmp_path / "g.onnx", "mine", tmp_path / "models", given(tmp_path, "a (3)\na\na\n"))


def test_it_may_stay_a_model_of_tensors(tmp_path):
    wishes = given(tmp_path, task="tensors")
    manifest = add(colours(tmp_path / "g.onnx", ["n", 3, 32, 32]), "mine", tmp_path / "models", wishes).manifest
    assert (manifest.task, manifest.config["class_names"]) == ("tensors", {"scores": ["red", "green", "blue"]})


def test_the_command_takes_it_all(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TESSERA_MODELS_DIR", str(tmp_path / "models"))
    file, labels = colours(tmp_path / "g.onnx", ["n", 3, 32, 32]), given(tmp_path).labels
    options = ["--labels", str(labels), "--mean", "0.5", "--std", "0.25", "--resize", "40:bicubic"]
    assert main(["models", "add", str(file), "--name", "mine", *options]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "published mine version 1, a model of image-classification"
    assert answered(tmp_path) == expected((32, 32), shorter(40), 0.5, 0.25, Image.Resampling.BICUBIC)
    provenance = ModelRepository(tmp_path / "models").read("mine", 1).provenance
    assert provenance
    assert provenance.command.endswith("--labels labels.txt --mean 0.5 --std 0.25 --resize 40:bicubic")


def test_where_it_looks_can_be_seen(tmp_path):
    add(colours(tmp_path / "g.onnx", ["n", 3, 48, 48]), "mine", tmp_path / "models", given(tmp_path))
    loaded = opened(tmp_path / "models", "mine")
    (explanation,) = [view for view in loaded.views if view.contract.name == "explanation"]
    reasons = predict_json(explanation, loaded.sessions, {"image": to_base64(CAT)}, {})
    assert reasons["heatmap"]["shape"] == [12, 12]
    assert reasons["score"] == answered(tmp_path)[reasons["label"]]
