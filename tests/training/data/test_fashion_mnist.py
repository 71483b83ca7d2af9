import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest

from training.data import fashion_mnist
from training.data.fashion_mnist import (
    LABELS,
    digest,
    garments_for,
    load_fashion_mnist,
    loader,
    read_idx,
    tiny_fashion_mnist,
)
from training.data.labels import write_labels
from training.errors import TrainingError
from training.recipe import Run


def write_idx(path: Path, array: np.ndarray) -> None:
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    path.write_bytes(gzip.compress(header + array.tobytes()))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Forty training pictures, of which ten are for validation, and twenty for the test."""
    monkeypatch.setattr(fashion_mnist, "VALIDATION", 10)
    random = np.random.default_rng(0)
    for part, count in (("train", 40), ("t10k", 20)):
        images = random.integers(0, 256, (count, 28, 28), np.uint8)
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", images)
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 10)
    return tmp_path


def test_a_local_folder_is_read_and_split_the_same_each_time(folder: Path) -> None:
    first, again = load_fashion_mnist(folder), load_fashion_mnist(folder)
    assert (len(first.train), len(first.validation), len(first.test)) == (30, 10, 20)
    assert np.array_equal(first.validation.pixels, again.validation.pixels)
    assert first.test.classes.tolist() == list(range(10)) * 2


def test_other_pictures_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="has other pictures or classes than Fashion-MNIST"):
        garments_for(Run(tmp_path, source=str(folder)))


def test_a_source_is_read_and_named_on_the_card(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "CONTENT", digest(load_fashion_mnist(folder)))
    monkeypatch.setattr(fashion_mnist, "TINY", 5)
    found = garments_for(Run(tmp_path, source=str(folder)))
    assert len(found.train) == 30
    assert len(garments_for(Run(tmp_path, source=str(folder), tiny=True)).train) == 5
    assert (found.source.name, found.source.version) == (folder.name, "local")
    assert len(found.source.sha256) == 64


def test_no_picture_is_in_two_splits(folder: Path) -> None:
    found = load_fashion_mnist(folder)
    splits = (found.train, found.validation, found.test)
    pictures = [picture.tobytes() for split in splits for picture in split.pixels]
    assert len(set(pictures)) == 60


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(TrainingError, match=r"t10k-labels-idx1-ubyte\.gz is missing"):
        load_fashion_mnist(folder)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"train-images-idx3-ubyte\.gz is missing"):
        load_fashion_mnist(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("part", "array", "reason"),
    [
        pytest.param("train-images-idx3", np.zeros((40, 32, 32), np.uint8), r"shape \[40, 32, 32\]", id="other size"),
        pytest.param("train-images-idx3", np.zeros((40, 784), np.uint8), r"shape \[40, 784\]", id="flat pictures"),
        pytest.param("train-labels-idx1", np.zeros(39, np.uint8), r"shape \[39\]; .* has 40", id="a label too few"),
        pytest.param("train-labels-idx1", np.full(40, 10, np.uint8), "has the class 10", id="an eleventh class"),
        pytest.param("train-images-idx3", np.zeros((0, 28, 28), np.uint8), "has 0 pictures", id="no pictures"),
    ],
)
def test_files_of_another_shape_are_refused(folder: Path, part: str, array: np.ndarray, reason: str) -> None:
    write_idx(folder / f"{part}-ubyte.gz", array)
    with pytest.raises(TrainingError, match=reason):
        load_fashion_mnist(folder)


def test_too_few_pictures_to_keep_some_back_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fashion_mnist, "VALIDATION", 40)
    with pytest.raises(TrainingError, match="has 40 training pictures; more than 40"):
        load_fashion_mnist(folder)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(b"not gzip", "cannot be read", id="not compressed"),
        pytest.param(gzip.compress(bytes(100))[:-20], "cannot be read", id="cut"),
        pytest.param(gzip.compress(b"P5 28 28 255"), "not an IDX file of bytes", id="another format"),
        pytest.param(gzip.compress(b"\0\0\x0d\x01" + bytes(8)), "not an IDX file of bytes", id="floats"),
        pytest.param(gzip.compress(b"\0\0\x08\x03\0\0"), "cut in its header", id="half a header"),
        pytest.param(
            gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc"), r"states shape \[5\], 5 bytes, and has 3", id="short"
        ),
    ],
)
def test_a_damaged_file_is_one_sentence(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "file.gz").write_bytes(content)
    with pytest.raises(TrainingError, match=reason):
        read_idx(tmp_path / "file.gz")


def test_tiny_pictures_have_every_class_in_every_split() -> None:
    tiny = tiny_fashion_mnist()
    for split in (tiny.train, tiny.validation, tiny.test):
        assert set(split.classes.tolist()) == set(range(10))
        assert split.pixels.shape == (len(split), 28, 28)
    assert not np.array_equal(tiny.train.pixels, tiny.test.pixels)


def test_batches_hold_every_picture_in_order_unless_they_are_shuffled() -> None:
    test = tiny_fashion_mnist().test
    found = np.concatenate([classes.numpy() for _, classes in loader(test, 16)])
    assert found.tolist() == test.classes.tolist()
    assert [len(classes) for _, classes in loader(test, 16, shuffled=True)] == [16, 16]


def test_labels_are_written_as_the_service_reads_them(tmp_path: Path) -> None:
    assert json.loads(write_labels(LABELS, tmp_path / "labels.json").read_text()) == list(LABELS)
