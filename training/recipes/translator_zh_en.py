"""Chinese to English, as programs say things: a small Transformer trained on texts of software.

Two and a half hours of one core that computes in bf16.
"""

from training.card.prose import Prose
from training.data.marian_students import PT_EN
from training.recipes.taught_translator import Direction, recipe_of

PROSE = Prose(__name__)
RECIPE = recipe_of(
    "translator-zh-en", Direction("zh", "en", "Chinese into English", "zh", PT_EN), PROSE.items("Examples")
)
