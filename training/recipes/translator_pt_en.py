"""Portuguese to English: a student of the Bergamot project, as it was published, as two fp32 graphs; half a minute."""

from training.card.prose import Prose
from training.data.interface_texts import Pair, load_interface_texts
from training.data.marian_students import PackagedStudent
from training.recipe import Draft, Recipe, Run
from training.recipes.translator import draft

PROSE = Prose(__name__)
STUDENT = PackagedStudent(
    folder="pten-1693087646",
    model="model.pten.intgemm.alphas.bin",
    sha256="6c3b7af01772022a19712410c63342ba581468c2f1aac34d7488409c4043e697",
)


def load(run: Run) -> list[Pair]:
    return load_interface_texts("pt_BR")


def make(pairs: list[Pair], run: Run) -> Draft:
    return draft(
        STUDENT,
        run,
        source_lang="pt",
        target_lang="en",
        pairs=[Pair(pair.translation, pair.text) for pair in pairs],
        examples=PROSE.items("Examples"),
        description="Translates Portuguese into English, sentence by sentence: a small student model of the Bergamot "
        "project, which browsers translate with. Nobody verifies what it says.",
    )


RECIPE = Recipe(
    name="translator-pt-en",
    task="translation",
    load=load,
    make=make,
    must_reach={"bleu": 30.0, "chrf": 55.0},  # chosen before the test was read
)
