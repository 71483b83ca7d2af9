"""Translators beside people: BLEU and chrF on paragraphs out of descriptions of Debian's packages.

    python -m benchmarks.translations [--models models] [--paragraphs 150] [--seed 7] [--beams 4]

Needs apt, which fetches the English descriptions and their translations from wherever it is configured to (7 MB), into
a folder of its own. Paragraphs are those of descriptions that have as many in both languages, of 6 to 30 English words,
in the order of the texts, of which the seed draws some.
"""

import argparse
import random
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.repository.repository import ModelRepository
from app.tasks.translation import TextTranslation, TranslationConfig, TranslationKernel
from training.data.catalogues import Pair
from training.recipes.translator import quality, translated

LANGUAGE = "pt_BR"
MODELS = {"translator-en-pt": False, "translator-pt-en": True}
"""Whether it translates back into English."""
WORDS = range(6, 31)
SETTINGS = """#clear Acquire::Languages;
Acquire::Languages {{ "en"; "{language}"; }};
Dir::State::lists "{folder}";
"""


def fetch_lists(folder: Path) -> Path:
    """Let apt write its lists into `folder`, which is returned."""
    (folder / "partial").mkdir(parents=True)
    settings = folder / "apt.conf"
    settings.write_text(SETTINGS.format(language=LANGUAGE, folder=folder))
    subprocess.run(["apt-get", "-c", str(settings), "update"], check=True, stdout=subprocess.DEVNULL)
    return folder


def descriptions(folder: Path, language: str) -> dict[str, str]:
    """Descriptions by the checksum of the English ones, of all lists in a language."""
    found = {}
    for path in sorted(folder.glob(f"*_main_i18n_Translation-{language.replace('_', '*')}*")):
        content = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(path)], check=True, capture_output=True)
        for one in content.stdout.decode("utf-8", "replace").split("\n\n"):
            checksum = re.search(r"^Description-md5: (\w+)", one, re.M)
            text = re.search(rf"^Description-{language}: (.*(?:\n .*)*)", one, re.M)
            if checksum and text:
                found[checksum[1]] = text[1]
    return found


def paragraphs(description: str) -> list[str]:
    """Those after the first line, each on one line; an item of a list is one, too (Debian Policy, 5.6.13)."""
    made: list[list[str]] = [[]]
    for line in (line[1:] for line in description.split("\n")[1:]):
        if line.strip() == ".":
            made.append([])
        elif line.startswith(" ") or re.match(r"\s*[*-] ", line):
            made.append([line.strip()])
        else:
            made[-1].append(line.strip())
    return [" ".join(lines) for lines in made if lines]


def pairs(english: dict[str, str], other: dict[str, str]) -> Iterator[Pair]:
    for checksum, text in other.items():
        ours, theirs = paragraphs(english.get(checksum, "")), paragraphs(text)
        if len(ours) == len(theirs):
            together = map(Pair, ours, theirs)
            yield from (pair for pair in together if pair.text != pair.translation and len(pair.text.split()) in WORDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--paragraphs", type=int, default=150)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--beams", type=int, help="of the search for each sentence, if not the model's own")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lists = fetch_lists(Path(folder) / "lists")
        every = sorted(set(pairs(descriptions(lists, "en"), descriptions(lists, LANGUAGE))))
    drawn = random.Random(chosen.seed).sample(every, chosen.paragraphs)
    print(f"{len(drawn)} of {len(every)} paragraphs\n")
    print("| model | BLEU | chrF | BLEU of the text as it is |\n|---|---|---|---|")
    repository = ModelRepository(chosen.models)
    for name, is_back in MODELS.items():
        manifest = repository.read(name, repository.versions(name)[0])
        files = repository.verify(manifest)
        view = TextTranslation(TranslationKernel(TranslationConfig(**manifest.config), files))
        tested = [Pair(pair.translation, pair.text) if is_back else pair for pair in drawn]
        graphs = {graph: files[file] for graph, file in manifest.graphs.items()}
        found = translated(view, graphs, [pair.text for pair in tested], chosen.beams)
        (_, bleu, copied), (_, chrf, _) = quality(found, tested)
        print(f"| {name} | {bleu:.1f} | {chrf:.1f} | {copied:.1f} |")


if __name__ == "__main__":
    main()
