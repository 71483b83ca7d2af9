"""Summaries of articles by their own sentences: MiniLM-L6 as it was published, as an fp32 graph; half a minute.

Nothing is trained. The encoder says how alike two sentences are, and app/tasks/lexrank.py chooses with that. `--source`
puts another BERT into its place, such as one of sentence-transformers.
"""

from app.repository.manifest import Metric
from app.runtimes.onnx import signature_of_onnx
from app.tasks.summarization import Summarization, SummarizationKernel
from training.baselines.stories import kept_reference
from training.baselines.summarizer import CONFIG, KINDS, NAME, bars, beside_the_best, measured, quality
from training.card import plots
from training.card.prose import Prose
from training.data.encoder import Encoder, load_encoder
from training.data.summarized_texts import SOURCES
from training.graphs.compared import Compared, compared
from training.graphs.sentences import sentence_rows, write_sentences
from training.libraries import require_torch
from training.recipe import Draft, Example, Exported, Recipe, Run

PROSE = Prose(__name__)
ARTICLE, CHINESE_ARTICLE, SENTENCE = map(PROSE.text, ("Article", "Chinese article", "Sentence"))


def load(run: Run) -> Encoder:
    return load_encoder(run.source, CONFIG.max_tokens)


def make(encoder: Encoder, run: Run) -> Draft:
    figures = measured() if encoder.is_packaged else None
    task = Summarization(SummarizationKernel(CONFIG, {CONFIG.tokenizer: encoder.tokenizer}))
    rows = sentence_rows(task, [ARTICLE, CHINESE_ARTICLE])
    if not encoder.is_packaged:
        require_torch(f"{NAME} of another encoder")
    graph = write_sentences(encoder.arrays(), run.workdir)

    def beside_torch() -> Compared:
        from training.graphs.beside_bert import beside_bert
        from training.networks.minilm import SentenceEncoder

        return beside_bert(task, SentenceEncoder(encoder.load()), graph, rows)

    found, remark = compared(NAME if encoder.is_packaged else "", graph, beside_torch)
    signature = signature_of_onnx(graph)
    return Draft(
        description="Summarises an article by its own most telling sentences, word for word and with their places. "
        f"Sentences are compared by {encoder.name}, ranked by LexRank and chosen by maximal marginal relevance.",
        licence="Apache-2.0" if encoder.is_packaged else encoder.source.licence,
        files={"model.onnx": graph, CONFIG.tokenizer: encoder.tokenizer},
        graphs={"model": "model.onnx"},
        config=CONFIG.model_dump(),
        exported=Exported(graph, signature.inputs, signature.outputs, found.verification),
        metrics=[
            Metric(
                name="smallest_cosine_to_torch",
                value=found.figure,
                dataset="sentences of this version's golden articles",
                split=f"all {len(rows)}",
            ),
            *(quality(figures) if figures else ()),
        ],
        sources=[encoder.source, *(SOURCES if figures else ())],
        # The sentences must be the same; only their scores may differ with the processor.
        examples=[
            Example({"text": ARTICLE}, tolerance=1e-3),
            Example({"text": ARTICLE}, {"max_words": 40}, tolerance=1e-3),
            Example({"text": CHINESE_ARTICLE}, {"max_sentences": 2}, tolerance=1e-3),
            Example({"text": SENTENCE}, tolerance=1e-3),
        ],
        plots={
            "How near summaries come to what people wrote, by kind of text.": plots.grouped_bars(
                bars(figures), [*KINDS], "mean of ROUGE-1, -2, -L", run.workdir / "rouge.png"
            )
        }
        if figures
        else {},
        sections={"The best simple way beside it": beside_the_best(figures)} if figures else {},
        limits=PROSE.items("Limits" if figures else "Limits of own encoders"),
        notes=f"{PROSE.text('Notes' if figures else 'Notes of own encoders', name=NAME)} {remark}".rstrip(),
        has_own_data=not encoder.is_packaged,
        reference=kept_reference() if encoder.is_packaged else None,
    )


RECIPE = Recipe(
    name=NAME,
    task="summarization",
    load=load,
    make=make,
    # As good as the beginning on news, as far as can be told, and better where the point is not in front.
    must_reach={
        "smallest_cosine_to_torch": 0.9999,
        "gain_news_high": 0.0,
        "gain_articles_low": 0.0,
        "gain_teasers_low": 0.03,
    },
    takes_source=True,
)
