"""Networks that make a vector of each text: the vectors themselves, or how alike texts are by them."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from app.tasks.embeddings import EmbeddingConfig, FeatureExtraction, FeatureExtractionKernel, SentenceSimilarity
from app.tasks.vectors import normalized
from app.tasks.view import View
from app.tensors import Array
from training.errors import TrainingError
from training.importing.beside_pipeline import pipeline_of
from training.importing.folder import ModelFolder
from training.importing.network import TOKENIZER, load_text_model
from training.importing.sentence_transformers import MODULES, PooledReading, reading_of
from training.importing.text_draft import TEXTS, text_draft
from training.recipe import Draft, Run

LEAST = -1e9  # below every state, for tokens that only fill up

# States [batch, tokens, width] and whether each is of the text [batch, tokens, 1], 0 or 1, to [batch, width].
POOLED: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cls": lambda states, mask: states[:, 0],
    "max": lambda states, mask: torch.where(mask == 0, LEAST, states).amax(1),
    "mean": lambda states, mask: (states * mask).sum(1) / mask.sum(1),
    "mean_sqrt_len_tokens": lambda states, mask: (states * mask).sum(1) / mask.sum(1).sqrt(),
}
# The same of one text alone, whose states are [tokens, width].
ALONE: Mapping[str, Callable[[Array], Array]] = {
    "cls": lambda states: np.asarray(states[0]),
    "max": lambda states: np.asarray(states.max(0)),
    "mean": lambda states: np.asarray(states.mean(0)),
    "mean_sqrt_len_tokens": lambda states: np.asarray(states.sum(0) / len(states) ** 0.5),
}


def make_vectors(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    return _make(folder, run, is_similarity=False)


def make_similarity(folder: ModelFolder, run: Run) -> Draft:
    """Raises TrainingError."""
    return _make(folder, run, is_similarity=True)


def _make(folder: ModelFolder, run: Run, *, is_similarity: bool) -> Draft:
    reading = reading_of(folder.path)
    if unknown := [name for name in reading.poolings if name not in POOLED]:
        raise TrainingError(f"{folder.name} pools by {unknown[0]}; what can be imported is {', '.join(POOLED)}")
    model = load_text_model(folder, "AutoModel", unused=("pooler",))
    config = EmbeddingConfig(
        tokenizer=TOKENIZER,
        max_tokens=min(model.max_tokens, reading.most_tokens or model.max_tokens),
        has_unit_length=reading.has_unit_length,
        prompts=dict(reading.prompts or {}),
    )
    kernel = FeatureExtractionKernel(config, {TOKENIZER: model.save_tokenizer(run.workdir)})
    pipeline = pipeline_of("feature-extraction", model.network, model.reader)

    def vector(text: str) -> Array:
        states = np.array(pipeline(text)[0])
        found = np.concatenate([ALONE[name](states) for name in reading.poolings])
        return normalized(found) if reading.has_unit_length else found

    def vector_of(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        return vector(item["text"]).tolist()

    def cosines_of(item: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        first = normalized(vector(item["source_sentence"]))
        return [float(normalized(vector(text)) @ first) for text in item["sentences"]]

    limits = [] if reading.is_stated else [f"There is no {MODULES}: a vector is the mean of those of its tokens."]
    view: View[Any]
    items: Sequence[Mapping[str, Any]]
    if is_similarity:
        items = [{"source_sentence": one, "sentences": [other, one]} for one, other in pairwise(TEXTS)]
        view, expected, about = SentenceSimilarity(kernel), cosines_of, "Compares a sentence with others"
    else:
        items = [{"text": text} for text in TEXTS]
        view, expected, about = FeatureExtraction(kernel), vector_of, "Turns each text into a vector"
    return text_draft(
        model,
        run,
        view,
        Pooled(model.network, reading),
        "embedding",
        items,
        expected,
        config=config.model_dump(),
        about=about,
        parameters=[{} if is_similarity or reading.has_unit_length else {"normalize": False}],
        limits=limits,
    )


class Pooled(nn.Module):
    """Vectors of texts: `input_ids` and `attention_mask`, both int64 [batch, tokens], to fp32 [batch, width]."""

    def __init__(self, network: Any, reading: PooledReading) -> None:
        super().__init__()
        self.network, self.reading = network, reading
        self.eval()

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        states = self.network(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[..., None].to(states.dtype)
        vectors = torch.cat([POOLED[name](states, mask) for name in self.reading.poolings], dim=-1)
        return nn.functional.normalize(vectors) if self.reading.has_unit_length else vectors
