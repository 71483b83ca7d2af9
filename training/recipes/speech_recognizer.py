"""English speech to text: OpenAI's Whisper tiny.en, as it was published, as two fp32 graphs; some minutes."""

from training.data.whisper_models import TINY_EN
from training.recipes.recognizer import recipe_of

DESCRIPTION = (
    "Writes down English speech: OpenAI's Whisper tiny.en, with 38 million parameters. Nobody verifies what it writes."
)
RECIPE = recipe_of("speech-recognizer", TINY_EN, DESCRIPTION, word_accuracy=0.85)
