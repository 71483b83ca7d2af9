"""A BERT becomes the graph that says how alike sentences are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from app.tasks.summarization import Summarization
from app.tasks.summary_schema import ArticleInput, SummarizationParameters
from app.tensors import Tensors
from training.graphs.bert import write_bert
from training.graphs.linear import Fp32Products


def sentence_rows(task: Summarization, articles: Sequence[str]) -> list[Tensors]:
    return [
        row
        for article in articles
        for row in task.preprocess(ArticleInput(text=article), SummarizationParameters()).rows
    ]


def write_sentences(bert: Any, workdir: Path) -> Path:
    return write_bert(bert, None, workdir / "model.onnx", Fp32Products())
