"""The head of a hub dataset's README: which files are which split, and the names of classes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml

README = "README.md"


@dataclass(frozen=True, slots=True)
class HubCard:
    """`files`: patterns of paths within the folder, with the name of their split. `classes`: of a column, in order."""

    files: Sequence[tuple[str, str]] = ()
    classes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def split_of(self, path: Path, folder: Path) -> str:
        """The stated name of the split that the file is of; "" if none is stated."""
        within = path.relative_to(folder).as_posix()
        return next((split for pattern, split in self.files if fnmatch(within, pattern.removeprefix("./"))), "")


def hub_card(folder: Path) -> HubCard:
    """Return what the README of `folder` states; nothing if there is none, or it has no head that can be read."""
    try:
        text = (folder / README).read_text(encoding="utf-8")
        head = yaml.safe_load(text.split("---\n", 2)[1]) if text.startswith("---\n") else None
    except (OSError, ValueError, IndexError, yaml.YAMLError):
        return HubCard()
    if not isinstance(head, dict):
        return HubCard()
    return HubCard(list(_files(head.get("configs"))), dict(_classes(head.get("dataset_info"))))


def _files(configs: Any) -> Iterator[tuple[str, str]]:
    for config in _dicts(configs):
        stated = config.get("data_files")
        if isinstance(stated, dict):
            stated = [{"split": split, "path": path} for split, path in stated.items()]
        for part in _dicts(stated):
            paths = part.get("path")
            for path in paths if isinstance(paths, list) else [paths]:
                yield str(path), str(part.get("split"))


def _classes(info: Any) -> Iterator[tuple[str, Sequence[str]]]:
    for feature in (feature for config in _dicts(info) for feature in _dicts(config.get("features"))):
        dtype = feature.get("dtype")
        names = (dtype.get("class_label") or {}).get("names") if isinstance(dtype, dict) else None
        if isinstance(names, dict):
            names = [names[number] for number in sorted(names, key=int)]
        if isinstance(names, list):
            yield str(feature.get("name")), [str(name) for name in names]


def _dicts(found: Any) -> list[dict[str, Any]]:
    """The objects of a list, or the object alone, as the hub takes either."""
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, dict)]
