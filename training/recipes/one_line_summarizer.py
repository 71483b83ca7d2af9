"""A long description of a program to one line: a translator that learns from Debian's lists to say less in English.

It begins as the translator of English into Portuguese, which reads English and looks back at it, and of which 33,000
pairs need to teach no more than the other task. An epoch takes 50 minutes of one core with AMX.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from app.repository.manifest import Metric
from app.runtimes.onnx import load_onnx
from app.runtimes.options import RuntimeOptions
from app.tasks.own_words import OwnWordsKernel, SummaryInOwnWords
from app.tasks.summary_schema import ArticleInput, SummarizationParameters
from app.tasks.view import predict_alone
from training.baselines.chat_lines import beside_chat
from training.baselines.one_sentence import EXTRACTIVE, LEAD, ways
from training.card.markdown import table
from training.card.plots import learning_curves
from training.card.prose import Prose
from training.data.marian_students import EN_PT, END_ID
from training.data.software_lines import SOURCES, Described, SoftwareLines, load_software_lines
from training.errors import progress
from training.loop.one_line import CONTEXT, LONGEST_LINE, SETTINGS, TINY, taught, validation_loss
from training.measures.one_line import gain, rouge_of, unsupported_of, with_intervals
from training.measures.rouge import Scores
from training.recipe import Draft, Example, Recipe, Run, SettingsSearch
from training.recipes.translator import write_graphs

NO_REPEATS = 4  # tokens in a row that come once only
SHOWN = 10
CUT = SummarizationParameters(truncate=True)
WRITTEN_BY_PEOPLE = "the line of the packagers"
DATASET = "descriptions of Debian packages and their lines"
PROSE = Prose(__name__)


def make(lines: SoftwareLines, run: Run) -> Draft:
    settings = run.chosen(SETTINGS, TINY)
    student, path, curve = taught(lines, run, settings)
    encoder, decoder = write_graphs(student, run.workdir)
    config = OwnWordsKernel.Config(
        tokenizer=path.name,
        context=CONTEXT,
        start_id=student.start_id,
        end_id=END_ID,
        max_new_tokens=LONGEST_LINE,
        no_repeat_ngram_size=NO_REPEATS,
    )
    view = SummaryInOwnWords(OwnWordsKernel(config, {path.name: path}))
    graphs = {"encoder": encoder.path, "decoder": decoder.path}
    sessions = {name: load_onnx(graph, RuntimeOptions(device="cpu")) for name, graph in graphs.items()}
    others = ways([one.text for one in lines.train], run.workdir)
    metrics, written = list[Metric](), list[str]()
    for split, pairs in (("validation", lines.validation), ("test", lines.test)):
        progress(f"summarising {len(pairs)} descriptions of the {split}")
        written = [
            predict_alone(view, sessions, ArticleInput(text=one.text), CUT).summary_text for one in pairs
        ]  # fmt: skip
        beside = {name: [way(one.text) for one in pairs] for name, way in others.items()}
        found = figures(written, beside, pairs, split)
        progress(", ".join(f"{metric.name} {metric.value:.4f}" for metric in found))
        metrics += found
    return Draft(
        description="One line for a long description of a program, in words of its own: learned from the lists of "
        "Debian's packages. Nobody verifies what it says.",
        licence="of its weights unsettled: they were learned from texts under the licences of the sources below",
        files={"encoder.onnx": encoder.path, "decoder.onnx": decoder.path, path.name: path},
        graphs={"encoder": "encoder.onnx", "decoder": "decoder.onnx"},
        config=config.model_dump(),
        exported=encoder,
        metrics=metrics,
        sources=[EN_PT.source.model_copy(update={"used_for": "weights that it begins with, and tokenizer"}), *SOURCES],
        examples=[Example({"text": text}) for text in PROSE.items("Examples")],
        sections={
            f"{SHOWN} descriptions of the test, drawn by a seed, good or bad": shown(written, lines.test, run.seed),
            **({} if run.tiny else beside_chat(written, lines.test)),
            "Pairs that were read, and why some were left out": counted(lines),
        },
        limits=PROSE.items("Limits", context=CONTEXT),
        notes=PROSE.text("Notes", epochs=settings.epochs),
        plots={
            "Loss of each token, in training and of the validation": learning_curves(
                curve.rows, {"loss": ["loss", "validation_loss"]}, run.workdir / "loss.png"
            )
        },
    )


def figures(
    written: Sequence[str], others: Mapping[str, Sequence[str]], pairs: Sequence[Described], split: str
) -> list[Metric]:
    """ROUGE beside other ways with intervals, how much it is above them, and names and numbers that texts lack."""
    texts, references = [one.text for one in pairs], [one.line for one in pairs]
    own = rouge_of(written, references)
    beside: dict[str, Scores] = {name: rouge_of(lines, references) for name, lines in others.items()}
    unsupported = unsupported_of(written, texts)
    prefix = "" if split == "test" else f"{split}_"
    about = f"{split}: {len(pairs)} descriptions of sources of which nothing was learned"

    def metric(name: str, value: float, baselines: Mapping[str, float] | None = None) -> Metric:
        return Metric(
            name=prefix + name, value=value, dataset=DATASET, split=about, baselines=dict(baselines or {})
        )  # fmt: skip

    found = []
    for i, (name, mean, low, high) in enumerate(with_intervals(own)):
        found.append(metric(name, mean, {other: float(scores[:, i].mean()) for other, scores in beside.items()}))
        found += [metric(f"{name}_low", low), metric(f"{name}_high", high)]
    for name, other in (("lead", LEAD), ("extractive", EXTRACTIVE)):
        mean, low, high = gain(own, beside[other])
        found += [
            metric(f"gain_over_{name}{end}", value) for end, value in (("", mean), ("_low", low), ("_high", high))
        ]
    people = unsupported_of(references, texts)
    return [
        *found,
        metric("unsupported_per_100", 100 * float(unsupported.mean()), {WRITTEN_BY_PEOPLE: 100 * float(people.mean())}),
    ]


def shown(written: Sequence[str], pairs: Sequence[Described], seed: int) -> str:
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:SHOWN]
    rows = [(" ".join(pairs[i].text.split()), pairs[i].line, written[i]) for i in drawn]
    return table(("description", "line of the packagers", "line of this model"), rows)


def counted(lines: SoftwareLines) -> str:
    rows = [("kept to learn from", len(lines.train)), ("drawn for the validation", len(lines.validation))]
    rows += [("drawn for the test", len(lines.test)), *lines.counts.items()]
    return table(("pairs", "number"), [(name, f"{number:,}") for name, number in rows])


RECIPE = Recipe(
    name="one-line-summarizer",
    task="summarization",
    load=load_software_lines,
    make=make,
    must_reach={"gain_over_lead_low": 0.05, "gain_over_extractive_low": 0.05},
    settings=SETTINGS,
    tiny=TINY,
    search=SettingsSearch(validation_loss, "validation loss"),
)
