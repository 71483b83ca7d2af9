"""Every task the service knows. A new kind of model adds one file and one line here."""

from app.tasks.base import Task
from app.tasks.embeddings import FeatureExtraction, SentenceSimilarity
from app.tasks.image_classification import ImageClassification
from app.tasks.image_generation import ImageGeneration
from app.tasks.recommendation import Recommendation
from app.tasks.summarization import Summarization
from app.tasks.tensors import RawTensors
from app.tasks.text_classification import TextClassification
from app.tasks.time_series_forecasting import TimeSeriesForecasting

TASKS: dict[str, type[Task]] = {
    task.name: task
    for task in (
        ImageClassification,
        TextClassification,
        Summarization,
        FeatureExtraction,
        SentenceSimilarity,
        Recommendation,
        TimeSeriesForecasting,
        ImageGeneration,
        RawTensors,
    )
}
