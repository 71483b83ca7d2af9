"""python -m training.baselines.stories: what the summarizer is compared with for drift, measured on the published one.

Kept in the folder references: the stories are larger than the model, and whoever makes it should not fetch them.
"""

import sys
from pathlib import Path

from app.repository.reference import Reference
from app.repository.repository import ModelRepository
from app.runtimes import RUNTIMES
from app.runtimes.options import RuntimeOptions
from app.tasks import task_of
from training.baselines.summarizer import NAME
from training.data.summarized_texts import load_news
from training.errors import progress
from training.measures.reference import distributions
from training.recipe import HeldOut

FILE = Path(__file__).with_name("references") / f"{NAME}.json"
MOST = 500


def kept_reference() -> Reference:
    return Reference.model_validate_json(FILE.read_bytes())


def main(root: Path = Path("models")) -> int:
    stories = load_news().test[:MOST]
    items = [{"text": story.text} for story in stories]
    sample = HeldOut(items, "Reuters-21578, stories of at least 200 words", f"test, {len(items)} stories")
    repository = ModelRepository(root)
    manifest = repository.read(NAME, max(repository.versions(NAME)))
    files, kind = repository.verify(manifest), task_of(manifest.task, manifest.config)
    options = RuntimeOptions(device="cpu", precision=manifest.precision)
    sessions = {graph: RUNTIMES[manifest.runtime](files[file], options) for graph, file in manifest.graphs.items()}
    found = distributions(kind.own(kind.open(manifest.config, files)), sessions, sample)
    if found is None:
        return 1
    FILE.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
    progress(f"{FILE}: {len(found.measures)} measures of {found.answers} answers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
