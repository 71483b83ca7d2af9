"""News of the Australian Broadcasting Corporation, 2001 (Lee background corpus): a test for language models."""

from app.repository.manifest import Source
from training.data.fetch.pypi import fetch
from training.data.summarized_texts import GENSIM

NAME, FILE = "Lee background corpus", "lee_background.cor"
SOURCE = Source(
    name=f"{NAME}, as packaged in gensim's tests",
    version=GENSIM.version,
    licence="not stated; gensim is LGPL-2.1",
    sha256=GENSIM.sha256,
    used_for="test: perplexity and agreement; nothing of it is in the artifact",
)


def load_held_out_news() -> list[str]:
    """300 stories, in the order of the file. Raises TrainingError."""
    path = next(fetch(GENSIM).glob(f"*/gensim/test/test_data/{FILE}"))
    return path.read_text(encoding="latin-1").splitlines()
