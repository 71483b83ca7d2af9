"""Every kind of model that is imported here as one graph. A new kind adds one file and one line here."""

from collections.abc import Callable, Mapping

from training.importing import text_classification
from training.importing.folder import ModelFolder
from training.recipe import Draft, Run

KINDS: Mapping[str, Callable[[ModelFolder, Run], Draft]] = {
    "text-classification": text_classification.make,
}
"""By task: a folder becomes a draft, which equals transformers, or a TrainingError."""
