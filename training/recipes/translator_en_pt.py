"""English to Portuguese: a student of the Bergamot project, as it was published, as two fp32 graphs; half a minute."""

from training.card.prose import Prose
from training.data.marian_students import EN_PT
from training.recipes.translator import recipe_of

PROSE = Prose(__name__)
EXAMPLES = PROSE.items("Examples")
RECIPE = recipe_of("translator-en-pt", EN_PT, ("en", "pt"), "English into Portuguese", EXAMPLES)
