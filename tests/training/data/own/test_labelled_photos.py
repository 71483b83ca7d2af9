"""Photos of one's own in folders: found, cut into splits without copies across them, or refused in a sentence."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.data.own.labelled_photos import LabelledPhotos, load_labelled_photos
from training.errors import TrainingError
from training.recipe import Run


def photo(path: Path, seed: int, quality: int = 90) -> Path:
    """A picture of four by four fields, drawn by chance, unlike any other."""
    fields = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(fields).resize((40, 40), Image.Resampling.NEAREST).save(path, quality=quality)
    return path


def folder(root: Path, counts: dict[str, int], first: int = 0) -> Path:
    for number, (label, count) in enumerate(counts.items()):
        for i in range(count):
            photo(root / label / f"{i}.jpg", first + 1000 * number + i)
    return root


def read(root: Path, **options: bool) -> LabelledPhotos:
    return load_labelled_photos(Run(root.parent, source=str(root), **options))


def test_each_folder_is_a_class_and_each_split_has_its_share_of_it(tmp_path):
    photos = read(folder(tmp_path / "pets", {"dogs": 20, "cats": 30}))
    assert photos.labels == ["cats", "dogs"]
    assert [np.bincount(part.classes).tolist() for part in (photos.train, photos.validation, photos.test)] == [
        [22, 14], [4, 3], [4, 3],
    ]  # fmt: skip
    files = [*photos.train.files, *photos.validation.files, *photos.test.files]
    assert len(set(files)) == 50
    assert all(
        file.parent.name == photos.labels[label]
        for part in (photos.train, photos.validation, photos.test)
        for file, label in zip(part.files, part.classes, strict=True)
    )
    assert photos.train.squares(16).shape == (36, 16, 16, 3)


def test_names_that_look_the_same_are_one_class_and_hidden_folders_none(tmp_path, capsys):
    root = folder(tmp_path / "pets", {"caf\u00e9": 12, "cafe\u0301": 12, "cats": 20})
    folder(root, {"cats/.thumbnails": 9, "cats/.ipynb_checkpoints": 9}, first=5000)
    photos = read(root)
    assert photos.labels == ["cafe\u0301", "cats"]
    assert sum(map(len, (photos.train, photos.validation, photos.test))) == 44
    assert "look the same, and are one class" in capsys.readouterr().err
    for split in ("train", "test"):
        folder(tmp_path / "split" / split, {"cats": 12, "dogs": 12, ".cache": 12}, first=9000 + 50 * (split == "test"))
    assert read(tmp_path / "split").labels == ["cats", "dogs"]


@pytest.mark.parametrize("name", ["\u200b", os.fsdecode(b"d\xffgs")])
def test_a_folder_whose_name_is_no_text_is_no_class(name, tmp_path):
    with pytest.raises(TrainingError, match="which is no name of a class that can be read"):
        read(folder(tmp_path / "pets", {"cats": 2, name: 2}))


def test_folders_that_are_called_as_splits_are_kept_as_they_are(tmp_path):
    folder(tmp_path / "pets" / "train", {"dogs": 20, "cats": 20})
    folder(tmp_path / "pets" / "test", {"dogs": 6, "cats": 7}, first=500)
    (tmp_path / "pets" / "train" / "dogs" / "again.jpg").write_bytes((tmp_path / "pets/test/dogs/0.jpg").read_bytes())
    photos = read(tmp_path / "pets")
    assert {file.parent.parent.name for file in photos.test.files} == {"test"}
    assert len(photos.test) == 13
    assert len(photos.train) + len(photos.validation) == 40
    assert photos.remarks == ["1 files were left out, since they are copies of others."]


def test_what_is_no_photo_is_left_out_listed_and_counted(tmp_path, capsys):
    pets = folder(tmp_path / "pets", {"dogs": 15, "cats": 15})
    (pets / "dogs" / "notes.txt").write_text("good dogs")
    (pets / "cats" / "broken.jpg").write_bytes((pets / "cats" / "1.jpg").read_bytes()[:150])
    (pets / "cats" / ".DS_Store").write_bytes(b"\0")
    photos = read(pets)
    assert photos.remarks == ["2 of 32 files are no photos that can be read, and were left out."]
    told = capsys.readouterr().err
    assert "no photo, left out: dogs/notes.txt: not an image we can read" in told
    assert "no photo, left out: cats/broken.jpg: the image is truncated or damaged" in told
    assert "DS_Store" not in told


def test_copies_count_once_and_near_copies_stay_together(tmp_path):
    pets = folder(tmp_path / "pets", {"dogs": 15, "cats": 15})
    (pets / "dogs" / "copy.jpg").write_bytes((pets / "dogs" / "3.jpg").read_bytes())
    for i in range(15):
        photo(pets / "dogs" / f"{i}-again.jpg", i, quality=40)
    photos = read(pets)
    place = {
        file.name: split
        for split in ("train", "validation", "test")
        for file in getattr(photos, split).files
        if file.parent.name == "dogs"
    }
    assert len(place) == 30
    assert all(place[f"{i}.jpg"] == place[f"{i}-again.jpg"] for i in range(15))
    assert photos.remarks == [
        "1 files were left out, since they are copies of others.",
        "15 photos are near copies of others, with which they share a split.",
    ]


def test_a_photo_in_two_classes_is_in_none_and_alike_ones_are_a_hint(tmp_path):
    pets = folder(tmp_path / "pets", {"dogs": 15, "cats": 15, "puppies": 10})
    (pets / "cats" / "dog.jpg").write_bytes((pets / "dogs" / "3.jpg").read_bytes())
    for i in range(4, 7):
        photo(pets / "puppies" / f"dog-{i}.jpg", i, quality=40)
    remarks = read(pets).remarks
    assert remarks[0] == "2 files were left out whose photos lie in two classes, such as cats and dogs."
    assert remarks[-1] == "3 photos of dogs and puppies are almost the same: do these mean the same?"


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "has no folders with photos; each class needs one, such as pets/cats"),
        ({"dogs": 30}, "two classes of 5 photos or more are needed; of 1 dogs has 30"),
        ({"dogs": 30, "cats": 2}, "two classes of 5 photos or more are needed; of 2 dogs has 30"),
        ({"dogs": 6, "cats": 6}, "pets has too few photos: 8 for train, 2 for validation, 2 for test"),
    ],
)
def test_too_few_photos_or_classes_are_a_sentence(tmp_path, counts, said):
    (tmp_path / "pets").mkdir()
    with pytest.raises(TrainingError, match=said):
        read(folder(tmp_path / "pets", counts))


def test_a_folder_without_any_photo_is_a_sentence(tmp_path):
    (tmp_path / "pets" / "dogs").mkdir(parents=True)
    (tmp_path / "pets" / "dogs" / "a.txt").write_text("no")
    with pytest.raises(TrainingError, match=r"none of 1 files is a photo: dogs/a\.txt: not an image we can read"):
        read(tmp_path / "pets")


def test_a_class_of_few_photos_is_left_out_and_told(tmp_path):
    photos = read(folder(tmp_path / "pets", {"dogs": 15, "cats": 15, "birds": 3}))
    assert photos.labels == ["cats", "dogs"]
    assert photos.remarks == ["3 photos of birds were left out: a class needs 5 photos to learn from."]
