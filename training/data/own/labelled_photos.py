"""Photos of one's own, a folder for each class, in three parts."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from app.errors import InvalidInput
from app.repository.manifest import Source
from app.tasks.characters import folded, is_blank
from app.tasks.images import read_square
from training.data.own.source import given
from training.data.own.splits import JUDGING, NOT_GIVEN, SPLITS, folds_of, refuse_no_training, resolved, split_named
from training.data.photos import ALIKE, MARGIN, tiny_vector
from training.errors import TrainingError, progress
from training.recipe import Run

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif"}
FETCHED = tuple(f"*{suffix}" for suffix in SUFFIXES)
LEAST_OF_CLASS, LEAST_PHOTOS, LEAST_JUDGED = 5, 20, 4
MOST_COMPARED = 6_000  # photos, each with each; of more only those are copies that are equal byte for byte
LISTED = 5  # names of files that were left out
TINY = 3  # photos of each class and split


@dataclass(frozen=True, slots=True)
class PhotoFiles:
    """Files and their classes, int64 [photos]."""

    files: Sequence[Path]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.files)

    def squares(self, side: int, margin: int = MARGIN) -> npt.NDArray[np.uint8]:
        """As the service reads them, uint8 [photos, side, side, 3]."""
        return np.stack([read_square(file.read_bytes(), side, margin) for file in self.files])


@dataclass(frozen=True, slots=True)
class LabelledPhotos:
    train: PhotoFiles
    validation: PhotoFiles
    test: PhotoFiles
    labels: Sequence[str]
    source: Source
    name: str
    remarks: Sequence[str] = field(default_factory=list)


def load_labelled_photos(run: Run) -> LabelledPhotos:
    """The photos below `run.source`, of which each folder is a class, perhaps in folders called as splits.

    What is no photo is left out and listed. Raises TrainingError.
    """
    if not run.source:
        raise TrainingError("--source is missing: a folder with a folder of photos for each class")
    found = given(run.source, "dataset", FETCHED)
    rows, remarks = _readable(_listed(found.folder))
    rows["split"] = resolved(rows.split)
    refuse_no_training(rows.split, found.name)
    rows, about_copies = _without_copies(rows)
    rows, labels, rare = _without_rare_classes(rows)
    fold = folds_of(rows.group, rows.label)
    missing = set(SPLITS) - set(rows.split)
    cut = rows.group.map(fold).where(lambda split: split.isin(missing), "train")
    rows["split"] = rows.split.where(rows.split.isin(JUDGING), cut)
    if run.tiny:
        rows = rows.groupby(["label", "split"]).head(TINY)
    train, validation, test = parts = [_pictures(rows[rows.split == split], labels) for split in SPLITS]
    if (len(rows) < LEAST_PHOTOS and not run.tiny) or min(map(len, parts)) < min(LEAST_JUDGED, len(labels)):
        sizes = ", ".join(f"{len(part)} for {split}" for split, part in zip(SPLITS, parts, strict=True))
        raise TrainingError(f"{found.name} has too few photos: {sizes}; some thirty of each class are a beginning")
    source = found.source(rows.file, "training, validation and test")
    return LabelledPhotos(train, validation, test, labels, source, found.name, [*remarks, *about_copies, *rare])


def _listed(folder: Path) -> pd.DataFrame:
    """Each file with its class and, where the outer folders are splits, its split."""
    outer = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    are_splits = bool(outer) and all(split_named(path.name) != NOT_GIVEN for path in outer)
    classes = [
        (split_named(path.name) if are_splits else NOT_GIVEN, inner)
        for path in outer
        for inner in (sorted(one for one in path.iterdir() if one.is_dir()) if are_splits else [path])
    ]
    named = _class_names([inner.name for _, inner in classes])
    rows = [
        (file, named[inner.name], split)
        for split, inner in classes
        for file in sorted(inner.rglob("*"))
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(folder).parts)
    ]
    if not rows:
        raise TrainingError(f"{folder} has no folders with photos; each class needs one, such as {folder.name}/cats")
    return pd.DataFrame(rows, columns=["file", "label", "split"])


def _class_names(folders: Sequence[str]) -> dict[str, str]:
    """The class of each folder, by its name: names that look the same are one. Raises TrainingError for no text."""
    spelled: dict[str, str] = {}
    for name in folders:
        if not name.isascii() and (is_blank(name) or name.encode(errors="replace").decode() != name):
            raise TrainingError(f"a folder is called {name!r:.60}, which is no name of a class that can be read")
        first = spelled.setdefault(folded(name), name)
        if first != name:
            progress(f"the folders {first!r:.60} and {name!r:.60} look the same, and are one class")
    return {name: spelled[folded(name)] for name in folders}


def _readable(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    contents: list[tuple[str, npt.NDArray[np.float32]] | None] = []
    wrong = []
    for file in rows.file:
        try:
            content = file.read_bytes()
            read_square(content, 8, 0)
            contents.append((hashlib.sha256(content).hexdigest(), tiny_vector(content)))
        except (InvalidInput, OSError) as error:
            contents.append(None)
            wrong.append(f"{file.parent.name}/{file.name}: {error}")
    is_photo = [one is not None for one in contents]
    kept = rows[is_photo].reset_index(drop=True)
    if kept.empty:
        raise TrainingError(f"none of {len(rows):,} files is a photo: {wrong[0]}")
    kept["digest"], kept["vector"] = zip(*(one for one in contents if one is not None), strict=True)
    if not wrong:
        return kept, []
    for line in wrong[:LISTED]:
        progress(f"no photo, left out: {line}")
    return kept, [f"{len(wrong):,} of {len(rows):,} files are no photos that can be read, and were left out."]


def _without_copies(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Each photo once, with `group`, which near copies share; what lies in two classes is left out."""
    remarks = []
    learned = ~rows.split.isin(JUDGING)
    in_two = rows.groupby("digest").label.transform("nunique") > 1
    if in_two.any():
        pairs = rows[in_two].groupby("digest").label.unique().map(lambda names: " and ".join(sorted(names)))
        (pair, _), *_ = Counter(pairs).most_common(1)
        remarks.append(f"{in_two.sum():,} files were left out whose photos lie in two classes, such as {pair}.")
    is_copy = rows.duplicated(["digest", "split"]) | (learned & rows.digest.isin(rows[~learned].digest))
    if (is_copy & ~in_two).any():
        remarks.append(f"{(is_copy & ~in_two).sum():,} files were left out, since they are copies of others.")
    rows = rows[~in_two & ~is_copy].reset_index(drop=True)
    rows["group"] = rows.digest
    if len(rows) <= MOST_COMPARED:
        rows["group"] = _groups(rows)
        near = len(rows) - rows.group.nunique()
        judged = set(rows[rows.split.isin(JUDGING)].group)
        is_judged = ~rows.split.isin(JUDGING) & rows.group.isin(judged)
        rows = rows[~is_judged].reset_index(drop=True)
        if near:
            remarks.append(f"{near:,} photos are near copies of others, with which they share a split.")
        across = rows.groupby("group").label.unique().map(sorted).map(tuple)
        for names, count in Counter(names for names in across if len(names) > 1).most_common(LISTED):
            remarks.append(f"{count:,} photos of {' and '.join(names)} are almost the same: do these mean the same?")
    return rows, remarks


def _groups(rows: pd.DataFrame) -> list[str]:
    """The digest of the first photo that each is a near copy of."""
    vectors = np.stack(list(rows.vector))
    first = [int(np.argmax(vectors[: i + 1] @ vectors[i] > ALIKE)) for i in range(len(rows))]
    return [rows.digest[one] for one in first]


def _without_rare_classes(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[str]]:
    counts = rows[~rows.split.isin(JUDGING)].label.value_counts()
    labels = sorted(counts[counts >= LEAST_OF_CLASS].index)
    if len(labels) < 2:
        most = f"{counts.index[0]} has {counts.iloc[0]}" if len(counts) else "there is none"
        raise TrainingError(f"two classes of {LEAST_OF_CLASS} photos or more are needed; of {len(counts)} {most}")
    rare = sorted(set(rows.label) - set(labels))
    kept = rows[rows.label.isin(labels)].reset_index(drop=True)
    if not rare:
        return kept, labels, []
    left_out = f"{len(rows) - len(kept):,} photos of {', '.join(rare[:LISTED])}"
    return kept, labels, [f"{left_out} were left out: a class needs {LEAST_OF_CLASS} photos to learn from."]


def _pictures(rows: pd.DataFrame, labels: Sequence[str]) -> PhotoFiles:
    number_of = {name: number for number, name in enumerate(labels)}
    return PhotoFiles(list(rows.file), np.array([number_of[name] for name in rows.label], np.int64))
