"""English to German, as programs say things: a small Transformer trained on texts of software.

Two and a half hours of one core that computes in bf16.
"""

from training.card.prose import Prose
from training.data.marian_students import EN_PT
from training.recipes.taught_translator import Direction, recipe_of

PROSE = Prose(__name__)
RECIPE = recipe_of(
    "translator-en-de", Direction("en", "de", "English into German", "de", EN_PT), PROSE.items("Examples")
)
