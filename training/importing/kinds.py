"""Every kind of model that is imported here as one graph. A new kind adds one file and one line here."""

from collections.abc import Callable, Mapping

from training.importing import embeddings, text_classification, token_classification
from training.importing.folder import ModelFolder
from training.recipe import Draft, Run

KINDS: Mapping[str, Callable[[ModelFolder, Run], Draft]] = {
    "text-classification": text_classification.make,
    "token-classification": token_classification.make,
    "feature-extraction": embeddings.make_vectors,
    "sentence-similarity": embeddings.make_similarity,
}
"""By task: a folder becomes a draft, which equals transformers, or a TrainingError."""
