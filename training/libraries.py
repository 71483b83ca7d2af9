"""The libraries of training, which may not be here: a service needs none, and some models are made without torch."""

from importlib.util import find_spec

from training.errors import TrainingError

NEEDED = ("torch", "lightning", "transformers")
HOW = (
    "`make train` installs the libraries of training, or pip install '.[train]': 3.0 GB to download, .5 GB from an "
    "index with torch's build for CPUs (TORCH_INDEX)"
)


def can_train() -> bool:
    return all(find_spec(library) for library in NEEDED)


def require_torch(what: str) -> None:
    """Raises TrainingError, with the way to get it, where torch is not installed."""
    if not can_train():
        raise TrainingError(f"{what} needs torch: {HOW}")
