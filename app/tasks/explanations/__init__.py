"""Which kinds of models explain their answers, and how. A kind that is not here explains nothing."""

from collections.abc import Mapping, Sequence

from app.tasks.base import Task
from app.tasks.explanations.base import Explanation
from app.tasks.explanations.image import ImageExplanation
from app.tasks.explanations.recommendation import RecommendationExplanation
from app.tasks.explanations.summarization import SummarizationExplanation
from app.tasks.explanations.text import TextExplanation
from app.tasks.image_classification import ImageClassification
from app.tasks.recommendation import Recommendation
from app.tasks.summarization import Summarization
from app.tasks.text_classification import TextClassification

EXPLANATIONS: Mapping[str, type[Explanation]] = {
    ImageClassification.name: ImageExplanation,
    TextClassification.name: TextExplanation,
    Recommendation.name: RecommendationExplanation,
    Summarization.name: SummarizationExplanation,
}
"""By the task of the model."""


def explanations(task: Task) -> Sequence[Explanation]:
    """That of this very model, or none."""
    kind = EXPLANATIONS.get(task.name)
    return [kind(task)] if kind else []
