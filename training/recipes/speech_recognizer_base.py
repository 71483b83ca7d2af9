"""Speech of 99 languages to text: OpenAI's Whisper base, as it was published, as two fp32 graphs; some minutes."""

from training.data.whisper_models import BASE
from training.recipes.recognizer import recipe_of

DESCRIPTION = (
    "Writes down speech in 99 languages, or translates it into English: OpenAI's Whisper base, with 73 million "
    "parameters. Nobody verifies what it writes."
)
RECIPE = recipe_of("speech-recognizer-base", BASE, DESCRIPTION, word_accuracy=0.85)
