"""Written summaries beside extractive ones: fallbacks, facts that the text has not, ROUGE-1. Minutes of two cores.

python -m benchmarks.written_summaries MODELS [--stories 50] [--out FILE]

MODELS has the summarizer, whose config names a `writer`, and that writer. Stories and headlines are those by which the
summarizer is judged, none by which it was set: every so many-th of the 1,000 (training/data/summarized_texts.py).
"""

import argparse
import asyncio
import json
from collections import Counter
from pathlib import Path
from statistics import mean
from time import perf_counter
from typing import Any

import numpy as np

from app.repository.repository import ModelRepository
from app.runtimes.options import RuntimeOptions
from app.serving.engine import Ask
from app.serving.local import LocalEngine
from app.tasks.abstractive import WrittenSummary
from app.tasks.faithfulness import name_spans, source_of, unsupported_names
from app.tasks.quantities import quantities_of, unsupported_quantities
from app.tasks.sentences import sentences
from app.tasks.summary_schema import ArticleInput, SummarizationParameters
from app.tasks.view import to_json
from app.telemetry import Telemetry
from training.data.summarized_texts import Summarized, load_news
from training.measures.rouge import Rouge, mean_interval

MODEL = "article-summarizer"
AT_A_TIME = 4
WITHIN_S = 600.0


async def summarise(models: Path, stories: list[Summarized]) -> list[dict[str, Any]]:
    engine = LocalEngine(ModelRepository(models), Telemetry(), options=RuntimeOptions(device="cpu", threads=2))
    room = asyncio.Semaphore(AT_A_TIME)

    async def ask(text: str, mode: str) -> Any:
        parameters = SummarizationParameters.model_validate({"mode": mode})
        asked = Ask(MODEL, None, "summarization", [ArticleInput(text=text)], parameters, WITHIN_S)
        return (await engine.predict(asked)).outputs[0]

    async def both(story: Summarized) -> dict[str, Any]:
        async with room:
            extract, started = await ask(story.text, "extractive"), perf_counter()
            written = await ask(story.text, "abstractive")
            seconds = perf_counter() - started
        print(f"{written.fallback} in {seconds:.0f} s", flush=True)
        return {"story": story, "extract": extract, "written": written, "seconds": seconds}

    await engine.load()
    try:
        return await asyncio.gather(*map(both, stories))
    finally:
        await engine.stop()


def facts(story: Summarized, written: WrittenSummary) -> Counter[str]:
    """Numbers and names of a summary, counted, and those of them that the whole story has not."""
    source = source_of([one.text for one in sentences(story.text, 4_000)[0]])
    counts: Counter[str] = Counter()
    for one in written.sentences:
        counts["numbers"] += len(quantities_of(one.text))
        counts["names"] += len(name_spans(one.text))
        if one.generated:
            counts["numbers missing"] += len(unsupported_quantities(one.text, frozenset().union(*source.quantities)))
            counts["names missing"] += len(unsupported_names(one.text, source))
        counts["written"] += one.generated
        counts["chosen"] += not one.generated
    return counts


def report(found: list[dict[str, Any]]) -> dict[str, Any]:
    rouge = Rouge()
    written, chosen = (
        np.array([rouge(one["story"].reference, one[kind].summary_text)[0] for one in found])
        for kind in ("written", "extract")
    )
    gain = written - chosen
    return {
        "stories": len(found),
        "fallback": dict(Counter(one["written"].fallback for one in found)),
        "facts": dict(sum((facts(one["story"], one["written"]) for one in found), Counter())),
        "rouge1 written": float(written.mean()),
        "rouge1 extractive": float(chosen.mean()),
        "gain": [float(gain.mean()), *mean_interval(gain)],
        "seconds": mean(one["seconds"] for one in found),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("--stories", type=int, default=50)
    parser.add_argument("--out", type=Path, help="write all summaries there, to be read")
    given = parser.parse_args()
    stories = load_news().test
    found = asyncio.run(summarise(given.models, stories[:: len(stories) // given.stories][: given.stories]))
    if given.out:
        plain = [
            {"text": one["story"].text, "headline": one["story"].reference, "extract": one["extract"].summary_text}
            | {"written": to_json(one["written"])}
            for one in found
        ]
        given.out.write_text(json.dumps(plain, indent=1), encoding="utf-8")
    print(json.dumps(report(found), indent=1))


if __name__ == "__main__":
    main()
