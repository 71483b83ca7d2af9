"""Cells of what is measured, and the file of a part that holds those which are done."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.whole_file import READABLE_BY_ALL, write_whole
from benchmarks.on_gpu.sizes import TELLING

MISSING, FAILED = "missing", "failed"
SAME = ("device", "tiny")
"""Of the machine and the terms: what all cells of a file must share."""


class OtherMachine(Exception):
    """The file has cells of another machine, or of other sizes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing to measure. `shape`: what each row is; `batch`: rows at a time; `technique`: how it is computed."""

    shape: str
    precision: str
    batch: int
    technique: str

    @property
    def key(self) -> str:
        return "|".join((self.shape, self.precision, str(self.batch), self.technique))

    @classmethod
    def of(cls, key: str) -> "Cell":
        shape, precision, batch, technique = key.split("|")
        return cls(shape, precision, int(batch), technique)


class Results:
    """The file of a part. It is whole at any time: written beside itself, then renamed.

    A cell in it has figures, or `missing`: why it cannot be measured here, or `failed`: what was raised. Of the first
    and the last no second try is made; what is missing may be there next time.
    """

    def __init__(self, path: Path, machine: Mapping[str, Any]) -> None:
        """Raises OtherMachine."""
        self._path = path
        self.content: dict[str, Any] = {"machine": dict(machine), "planned": [], "cells": {}, "trying": []}
        if path.is_file():
            self.content = json.loads(path.read_text(encoding="utf-8"))
            for name in SAME:
                if self.content["machine"].get(name) != machine.get(name):
                    raise OtherMachine(
                        f"{path} has cells of {name} {self.content['machine'].get(name)!r}, not {machine.get(name)!r}; "
                        "name another folder by --out"
                    )
            self.content["machine"] = dict(machine)

    @property
    def cells(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.content["cells"]
        return found

    def plan(self, cells: Iterable[Cell]) -> None:
        """Note all cells of the part, so that what is not done can be told. What ended the process last has failed."""
        self.content["planned"] = list(dict.fromkeys(cell.key for cell in cells))
        for key in self.content["trying"]:
            self.cells[key] = {FAILED: "the process ended while this was made ready"}
        self.content["trying"] = []
        self._write()

    def is_done(self, cell: Cell) -> bool:
        found = self.cells.get(cell.key)
        return found is not None and MISSING not in found

    def trying(self, cell: Cell | None) -> None:
        """Note what is made ready now: if it ends the process, it is not tried again. None: nothing is."""
        self.content["trying"] = [cell.key] if cell else []
        self._write()

    def note(self, found: Mapping[Cell, Mapping[str, Any]]) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        for cell, figures in found.items():
            self.cells[cell.key] = {**figures, "at": now}
        self._write()

    def _write(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        _write(self._path, self.content)


def forget_trying(path: Path) -> None:
    """A cell that was being tried was cut off by us, and did not end the process: it may be tried again."""
    if path.is_file():
        _write(path, {**json.loads(path.read_text(encoding="utf-8")), "trying": []})


def _write(path: Path, content: Mapping[str, Any]) -> None:
    write_whole(path, json.dumps(content, indent=1) + "\n", READABLE_BY_ALL)


def telling_first(pairs: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """Of shapes and batches the most telling batches before the others, each of both in order."""
    return sorted(pairs, key=lambda pair: (pair[1] not in TELLING, pair[1]))
