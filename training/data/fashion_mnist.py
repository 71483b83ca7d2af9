"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28 pixels, light on black, in ten classes.

Paper: Xiao, Rasul & Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms"
(2017). Files are in MNIST's IDX format: big-endian sizes, then bytes.
"""

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from app.repository.manifest import Source
from training.data.fetch.debian import DebianPackage, fetch_debian
from training.data.own.source import given
from training.errors import TrainingError
from training.recipe import Run

PACKAGE = DebianPackage(
    "dataset-fashion-mnist",
    "0.0~git20200523.55506a9-1",
    "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
)
SOURCE = Source(
    name="Fashion-MNIST, as packaged in Debian's dataset-fashion-mnist",
    version=PACKAGE.version,
    licence="MIT",
    sha256=PACKAGE.sha256,
    used_for="training and evaluation",
)
LABELS = ("T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
FILES = "*-ubyte.gz"
SIZE = 28
CONTENT = "23b891cc97b66131ab0fece548f8de3e7a78e6a6e05ea2454bceac11787e3a47"  # `digest` of Fashion-MNIST
TINY = 40  # pictures of each split
VALIDATION = 6000  # of the 60,000
IDX_UINT8 = 0x08  # the type of elements, in the third byte of a file

Pixels = npt.NDArray[np.uint8]
Classes = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating]
"""Of shape [pictures, 10]; the highest is the answer."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """`pixels` uint8 [pictures, 28, 28], 0 is black; `classes` int64 [pictures], indices into LABELS."""

    pixels: Pixels
    classes: Classes

    def __len__(self) -> int:
        return len(self.classes)

    def __getitem__(self, chosen: slice | npt.NDArray[np.int64]) -> "Pictures":
        return Pictures(self.pixels[chosen], self.classes[chosen])


@dataclass(frozen=True, slots=True)
class FashionMnist:
    """Every choice is made on `validation`, which is the same for every seed; `test` is read once, for the card."""

    train: Pictures
    validation: Pictures
    test: Pictures
    source: Source = SOURCE


def garments_for(run: Run) -> FashionMnist:
    """Return the garments that `run` learns from and is judged on. Raises TrainingError."""
    if not run.source:
        return tiny_fashion_mnist() if run.tiny else load_fashion_mnist()
    found = given(run.source, "dataset", [FILES])
    garments = load_fashion_mnist(found.folder)
    if digest(garments) != CONTENT:
        raise TrainingError(f"{found.folder} has other pictures or classes than Fashion-MNIST")
    if run.tiny:
        garments = FashionMnist(garments.train[:TINY], garments.validation[:TINY], garments.test[:TINY])
    return replace(garments, source=found.source(found.folder.glob(FILES), SOURCE.used_for))


def digest(garments: FashionMnist) -> str:
    """The sha256 of all pictures and classes."""
    found = hashlib.sha256()
    for pictures in (garments.train, garments.validation, garments.test):
        found.update(pictures.pixels.tobytes())
        found.update(pictures.classes.astype(np.uint8).tobytes())
    return found.hexdigest()


def load_fashion_mnist(folder: Path | None = None) -> FashionMnist:
    """Read the four idx.gz files in `folder`; by default they are fetched.

    Raises TrainingError if one of them is missing, damaged, or of another shape.
    """
    folder = folder or fetch_debian(PACKAGE) / "usr" / "share" / "datasets" / "fashion-mnist"
    known = _pictures(folder, "train")
    if len(known) <= VALIDATION:
        raise TrainingError(f"{folder} has {len(known)} training pictures; more than {VALIDATION} are needed")
    order = np.random.default_rng(0).permutation(len(known))
    return FashionMnist(
        known[np.sort(order[VALIDATION:])], known[np.sort(order[:VALIDATION])], _pictures(folder, "t10k")
    )


def tiny_fashion_mnist(each: int = 4) -> FashionMnist:
    """A bright bar for each class, at its own height, with noise; needs no download."""
    random = np.random.default_rng(0)

    def pictures() -> Pictures:
        classes = np.repeat(np.arange(len(LABELS)), each)
        pixels = random.integers(0, 60, (len(classes), SIZE, SIZE), np.uint8)
        for picture, label in zip(pixels, classes, strict=True):
            picture[2 + 2 * label : 5 + 2 * label, 4:-4] = 220
        return Pictures(pixels, classes.astype(np.int64))

    return FashionMnist(pictures(), pictures(), pictures())


def loader(pictures: Pictures, size: int, *, shuffled: bool = False) -> DataLoader[tuple[Tensor, ...]]:
    """`pixels` and `classes` as tensors; shuffled, for training, without what remains after the last full batch."""
    dataset = TensorDataset(torch.from_numpy(pictures.pixels), torch.from_numpy(pictures.classes))
    return DataLoader(dataset, size, shuffle=shuffled, drop_last=shuffled and len(pictures) > size)


def _pictures(folder: Path, part: str) -> Pictures:
    images, labels = folder / f"{part}-images-idx3-ubyte.gz", folder / f"{part}-labels-idx1-ubyte.gz"
    pixels, classes = read_idx(images), read_idx(labels)
    if pixels.ndim != 3 or pixels.shape[1:] != (SIZE, SIZE):
        raise TrainingError(f"{images} has shape {list(pixels.shape)}; [pictures, {SIZE}, {SIZE}] is needed")
    if classes.shape != pixels.shape[:1]:
        raise TrainingError(f"{labels} has shape {list(classes.shape)}; {images.name} has {len(pixels)} pictures")
    if classes.max(initial=0) >= len(LABELS):
        raise TrainingError(f"{labels} has the class {classes.max()}; classes are 0 to {len(LABELS) - 1}")
    return Pictures(pixels, classes.astype(np.int64))


def read_idx(path: Path) -> Pixels:
    """An IDX file of bytes, compressed with gzip, in the shape that it states. Raises TrainingError."""
    try:
        content = gzip.decompress(path.read_bytes())
    except FileNotFoundError as error:
        raise TrainingError(f"{path} is missing; Fashion-MNIST is four files such as {path.name}") from error
    except (OSError, EOFError, zlib.error) as error:
        raise TrainingError(f"{path} cannot be read: {error}") from error
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] != IDX_UINT8:
        raise TrainingError(f"{path} is not an IDX file of bytes")
    start = 4 + 4 * content[3]
    if len(content) < start:
        raise TrainingError(f"{path} is cut in its header")
    shape = struct.unpack(f">{content[3]}I", content[4:start])
    num_bytes = int(np.prod(shape, dtype=np.int64))
    if len(content) - start != num_bytes:
        raise TrainingError(f"{path} states shape {list(shape)}, {num_bytes} bytes, and has {len(content) - start}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape).copy()  # torch wants writable memory
