"""The libraries of training, which may not be here: a service needs none, and some models are made without torch."""

from importlib.util import find_spec

from training.errors import TrainingError

HOW = (
    "`make train` installs them, or pip install '.[train]': 3.0 GB to download, .5 GB from an index with torch's build "
    "for CPUs (TORCH_INDEX)"
)


def has_torch() -> bool:
    return find_spec("torch") is not None


def require_torch(what: str) -> None:
    """Raises TrainingError, with the way to get it, where torch is not installed."""
    if not has_torch():
        raise TrainingError(f"{what} needs the libraries of training: {HOW}")
