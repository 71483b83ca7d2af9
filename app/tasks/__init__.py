"""Every task the service knows. A new kind of model adds one file and one line here."""

from collections.abc import Mapping
from typing import Any

from app.tasks.base import Task
from app.tasks.embeddings import FeatureExtraction, FeatureExtractionKernel, SentenceSimilarity, TextEmbedding
from app.tasks.explanations.image import ImageExplanation
from app.tasks.explanations.recommendation import RecommendationExplanation
from app.tasks.explanations.summarization import SummarizationExplanation
from app.tasks.explanations.table import ClassExplanation, NumberExplanation
from app.tasks.explanations.text import TextExplanation
from app.tasks.fill_mask import FillMask, FillMaskKernel
from app.tasks.image_classification import ImageClassification, ImageClassificationKernel
from app.tasks.image_features import ImageFeatureExtraction, ImageFeaturesKernel
from app.tasks.image_generation import ImageGeneration, ImageGenerationKernel
from app.tasks.image_segmentation import ImageSegmentation, ImageSegmentationKernel
from app.tasks.object_detection import ObjectDetection, ObjectDetectionKernel
from app.tasks.own_words import OwnWordsKernel, SummaryInOwnWords
from app.tasks.question_answering import QuestionAnswering, QuestionAnsweringKernel
from app.tasks.recommendation import CatalogueSearch, Recommendation, RecommendationKernel
from app.tasks.speech_recognition import SpeechKernel, SpeechRecognition
from app.tasks.summarization import Summarization, SummarizationKernel
from app.tasks.tabular_classification import TabularClassification, TabularClassificationKernel
from app.tasks.tabular_regression import TabularRegression, TabularRegressionKernel
from app.tasks.tensors import RawTensors, TensorsKernel
from app.tasks.text_classification import TextClassification, TextClassificationKernel
from app.tasks.text_generation import TextGeneration, TextGenerationKernel
from app.tasks.text_ranking import TextRanking, TextRankingKernel
from app.tasks.time_series_forecasting import ForecastingKernel, TimeSeriesForecasting
from app.tasks.token_classification import TokenClassification, TokenClassificationKernel
from app.tasks.translation import TextTranslation, TranslationKernel
from app.tasks.zero_shot_classification import ZeroShotClassification, ZeroShotKernel

TASKS: Mapping[str, Task] = {
    task.name: task
    for task in (
        Task(ImageClassificationKernel, ImageClassification, ImageExplanation),
        Task(ImageFeaturesKernel, ImageFeatureExtraction),
        Task(ObjectDetectionKernel, ObjectDetection),
        Task(ImageSegmentationKernel, ImageSegmentation),
        Task(TextClassificationKernel, TextClassification, TextExplanation),
        Task(TokenClassificationKernel, TokenClassification),
        Task(FillMaskKernel, FillMask),
        Task(QuestionAnsweringKernel, QuestionAnswering),
        Task(ZeroShotKernel, ZeroShotClassification),
        Task(TextRankingKernel, TextRanking),
        Task(RecommendationKernel, Recommendation, RecommendationExplanation, CatalogueSearch),
        Task(
            SummarizationKernel,
            Summarization,
            FeatureExtraction,
            TextEmbedding,
            SentenceSimilarity,
            SummarizationExplanation,
        ),
        Task(FeatureExtractionKernel, FeatureExtraction, TextEmbedding, SentenceSimilarity),
        Task(FeatureExtractionKernel, SentenceSimilarity),
        Task(ForecastingKernel, TimeSeriesForecasting),
        Task(TabularClassificationKernel, TabularClassification, ClassExplanation),
        Task(TabularRegressionKernel, TabularRegression, NumberExplanation),
        Task(ImageGenerationKernel, ImageGeneration),
        Task(TextGenerationKernel, TextGeneration),
        Task(TranslationKernel, TextTranslation),
        Task(SpeechKernel, SpeechRecognition),
        Task(TensorsKernel, RawTensors),
    )
}
"""By name: the kernel of each, its own view, and the others that a model of it has."""

WRITTEN: Mapping[str, Task] = {task.name: task for task in (Task(OwnWordsKernel, SummaryInOwnWords),)}
"""Tasks that an encoder and a decoder do in another way: the same questions, asked of other kernels."""


def task_of(name: str, config: Mapping[str, Any]) -> Task:
    """The task of a model with this config, which tells where answers begin if they are written. Raises KeyError."""
    return WRITTEN[name] if name in WRITTEN and "start_id" in config else TASKS[name]
