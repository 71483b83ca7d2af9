"""Every kind of model that is imported here as one graph. A new kind adds one file and one line here."""

from collections.abc import Callable, Mapping

from training.importing import (
    embeddings,
    fill_mask,
    image_classification,
    question_answering,
    text_classification,
    text_pairs,
    token_classification,
)
from training.importing.folder import ModelFolder
from training.recipe import Draft, Run

KINDS: Mapping[str, Callable[[ModelFolder, Run], Draft]] = {
    "text-classification": text_classification.make,
    "fill-mask": fill_mask.make,
    "question-answering": question_answering.make,
    "zero-shot-classification": text_pairs.make_zero_shot,
    "text-ranking": text_pairs.make_ranking,
    "token-classification": token_classification.make,
    "feature-extraction": embeddings.make_vectors,
    "sentence-similarity": embeddings.make_similarity,
    "image-classification": image_classification.make,
}
"""By task: a folder becomes a draft, which equals transformers, or a TrainingError."""
