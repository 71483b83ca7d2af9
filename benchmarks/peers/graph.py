"""The work that every peer does alike: the same graph file with one thread, the same before and after it.

A graph can `prepare` one request, `run` a list of what was prepared, and `answer` one request; an answer is a list of
labels with scores. Needs nothing of our service.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from PIL import Image
from tokenizers import Tokenizer

SIDE, SHORTER_SIDE = 224, 256

Answer = list[dict[str, Any]]
Pixels = npt.NDArray[np.uint8]


def open_session(file: str) -> Any:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])


class TextGraph:
    def __init__(self, file: str, tokenizer: str, max_tokens: int) -> None:
        self._session = open_session(file)
        self._tokenizer = Tokenizer.from_file(tokenizer)
        self._tokenizer.enable_truncation(max_tokens)
        self._tokenizer.no_padding()

    def prepare(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text).ids
        return ids

    def run(self, prepared: Sequence[list[int]]) -> list[Answer]:
        logits = self._session.run(None, padded(prepared))[0]
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return [
            [{"label": str(i), "score": float(score)} for i, score in enumerate(row)]
            for row in powers / powers.sum(1, keepdims=True)
        ]

    def answer(self, text: str) -> Answer:
        return self.run([self.prepare(text)])[0]


class ImageGraph:
    def __init__(self, file: str) -> None:
        self._session = open_session(file)

    def prepare(self, file: bytes) -> Pixels:
        """The central square of a photo whose shorter side is made 256 pixels."""
        opened = Image.open(BytesIO(file))
        opened.draft("RGB", (SHORTER_SIDE, SHORTER_SIDE))
        image = opened.convert("RGB")
        scale = SHORTER_SIDE / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        image = image.resize(size, Image.Resampling.BICUBIC)
        left, top = (image.width - SIDE) // 2, (image.height - SIDE) // 2
        return np.asarray(image.crop((left, top, left + SIDE, top + SIDE)))

    def run(self, prepared: Sequence[Pixels]) -> list[Answer]:
        return [best_five(scores) for scores in self._session.run(None, {"image": np.stack(prepared)})[0]]

    def answer(self, file: bytes) -> Answer:
        return self.run([self.prepare(file)])[0]


def padded(rows: Sequence[list[int]]) -> dict[str, npt.NDArray[np.int64]]:
    """Input of a text graph, each row padded to the longest."""
    ids = np.zeros((len(rows), max(map(len, rows))), np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def best_five(scores: npt.NDArray[np.float32]) -> Answer:
    best = np.argpartition(scores, -5)[-5:]
    return [{"label": str(i), "score": float(scores[i])} for i in best[np.argsort(-scores[best])]]
