"""English to Portuguese: a student of the Bergamot project, as it was published, as two fp32 graphs; half a minute."""

from training.card.prose import Prose
from training.data.marian_students import PackagedStudent
from training.recipes.translator import recipe_of

PROSE = Prose(__name__)
STUDENT = PackagedStudent(
    folder="enpt-1693087644",
    model="model.enpt.intgemm.alphas.bin",
    sha256="d968735704c75e33c2e183b9241f14c0b2a560d01d88a2728e5c0119a4d7fb22",
)
EXAMPLES = PROSE.items("Examples")
RECIPE = recipe_of("translator-en-pt", STUDENT, ("en", "pt"), "English into Portuguese", EXAMPLES)
