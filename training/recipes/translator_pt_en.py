"""Portuguese to English: a student of the Bergamot project, as it was published, as two fp32 graphs; half a minute."""

from training.card.prose import Prose
from training.data.marian_students import PT_EN
from training.recipes.translator import recipe_of

PROSE = Prose(__name__)
EXAMPLES = PROSE.items("Examples")
RECIPE = recipe_of("translator-pt-en", PT_EN, ("pt", "en"), "Portuguese into English", EXAMPLES, is_back=True)
