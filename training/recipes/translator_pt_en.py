"""Portuguese to English: a student of the Bergamot project, as it was published, as two fp32 graphs; half a minute."""

from training.card.prose import Prose
from training.data.marian_students import PackagedStudent
from training.recipes.translator import recipe_of

PROSE = Prose(__name__)
STUDENT = PackagedStudent(
    folder="pten-1693087646",
    model="model.pten.intgemm.alphas.bin",
    sha256="6c3b7af01772022a19712410c63342ba581468c2f1aac34d7488409c4043e697",
)
EXAMPLES = PROSE.items("Examples")
RECIPE = recipe_of("translator-pt-en", STUDENT, ("pt", "en"), "Portuguese into English", EXAMPLES, is_back=True)
