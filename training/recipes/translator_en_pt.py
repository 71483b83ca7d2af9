"""English to Portuguese: a student of the Bergamot project, as it was published, as two fp32 graphs; half a minute."""

from training.card.prose import Prose
from training.data.interface_texts import Pair, load_interface_texts
from training.data.marian_students import PackagedStudent
from training.recipe import Draft, Recipe, Run
from training.recipes.translator import draft

PROSE = Prose(__name__)
STUDENT = PackagedStudent(
    folder="enpt-1693087644",
    model="model.enpt.intgemm.alphas.bin",
    sha256="d968735704c75e33c2e183b9241f14c0b2a560d01d88a2728e5c0119a4d7fb22",
)


def load(run: Run) -> list[Pair]:
    return load_interface_texts("pt_BR")


def make(pairs: list[Pair], run: Run) -> Draft:
    return draft(
        STUDENT,
        run,
        source_lang="en",
        target_lang="pt",
        pairs=pairs,
        examples=PROSE.items("Examples"),
        description="Translates English into Portuguese, sentence by sentence: a small student model of the Bergamot "
        "project, which browsers translate with. Nobody verifies what it says.",
    )


RECIPE = Recipe(
    name="translator-en-pt",
    task="translation",
    load=load,
    make=make,
    must_reach={"bleu": 30.0, "chrf": 55.0},  # chosen before the test was read
)
