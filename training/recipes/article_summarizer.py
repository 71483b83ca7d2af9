"""Summaries of articles by their own sentences: MiniLM-L6 as it was published, as an fp32 graph; half a minute.

Nothing is trained. The encoder says how alike two sentences are, and app/tasks/lexrank.py chooses with that. `--source`
puts another BERT into its place, such as one of sentence-transformers.
"""

from app.repository.manifest import Metric
from app.tasks.summarization import Summarization
from training.baselines.summarizer import CONFIG, KINDS, NAME, bars, beside_the_best, measured, quality
from training.card import plots
from training.data.encoder import Encoder, load_encoder
from training.data.summarized_texts import SOURCES
from training.graphs.sentences import export_sentences, sentence_rows, smallest_cosine
from training.networks.minilm import SentenceEncoder
from training.recipe import Draft, Example, Recipe, Run

ARTICLE = (
    "The last lighthouse keeper on the island of Maren left his post on Friday. The tower has stood on the northern "
    "cliff since 1868 and guided ships through one of the narrowest straits of the coast. From now on its lamp is "
    "switched by a computer in the harbour office, forty kilometres away. The coast guard says that the change saves "
    "300,000 euros a year. Anders Holm, who is 61, had tended the light for 34 years. He climbed its 212 steps at "
    "least twice a day, he said, and missed only the night on which his daughter was born. Fishermen on the island "
    "are not happy with the decision. They fear that nobody will notice when the lamp fails in a winter storm. Two "
    "years ago a lightning strike put out the light, and Holm had it burning again within an hour. The coast guard "
    "answers that a second lamp with its own battery now starts by itself within ten seconds. The keeper's house will "
    "become a small museum of navigation. It is to open next spring, and Holm has agreed to lead the first tours."
)
CHINESE_ARTICLE = (
    "北山图书馆经过两年的修缮，于本周六重新开放。这座图书馆建于1934年，是全市最古老的公共图书馆。修缮工程共花费四千二百万元，"
    "主要用于加固屋顶和更换老化的电线。新馆增加了三百个阅览座位，并为儿童开辟了单独的阅览室。馆长表示，藏书将从六十万册增加到八十万册。"
    "开放首日，前来参观的市民在门口排起了长队。图书馆每天从上午九点开放到晚上九点，周一闭馆。"
)
SENTENCE = "The ferry to the mainland leaves at seven in the morning and takes two hours."

LIMITS = (
    "Chooses sentences and writes none: a summary can hold a pronoun whose noun was not chosen.",
    "On plain news it is as good as the first three sentences and no better, which is hard to beat there.",
    "On encyclopedia articles it is little better than the first three sentences, which are no better there than three "
    "drawn at random, and worse than LexRank without position.",
    "Of a teaser for something else in front of a report it often skips only the beginning, and may choose its end.",
    "Measured on news agency stories of 1987 and on an encyclopedia. How good it is on mail, minutes or papers was not "
    "measured.",
    "The encoder learned English. It knows one character in three of our Chinese example, so that Chinese "
    "summaries mostly follow the order of the text; other languages were not tried.",
    "Reads the first 128 tokens of a sentence, about 95 English words, and of a text of more than 512 "
    "sentences those whose words are most central.",
)

OWN_LIMITS = (
    "Chooses sentences and writes none: a summary can hold a pronoun whose noun was not chosen.",
    "How good its summaries are was not measured.",
    "Reads the first 128 tokens of a sentence, and of a text of more than 512 sentences those whose words are most "
    "central.",
)
OWN_NOTES = (
    "The settings were chosen with MiniLM-L6. The embedding of a sentence is the mean over its tokens, whatever this "
    "encoder was trained for."
)

NOTES = (
    "The graph stays fp32, because the answer to one text may not depend on whose texts share its batch. On the 295 "
    "stories of more than three sentences in the Lee background corpus (gensim's test data), three sentences each, "
    "fp32 chose the same sentences alone and in mixed batches of 16 in all 295; int8, quantized as it runs with one "
    "scale for a whole batch, chose others in 19 % of them, and others than fp32 in 18 %. Its price, on one thread, "
    "sentences of 30 tokens, best of 60: 6.5 ms a sentence at batch 1 and 5.6 at batch 8, int8 2.4 and 2.1. "
    "ROUGE is F1 on stems against one reference: a headline, or an introduction of some hundred words, so that its "
    "height says little and only differences count. Settings were chosen on other texts of the same kinds: 400 "
    "stories, 28 articles, and the 400 stories behind teasers. The test texts were read twice, and the second reading "
    "changed nothing: with a position weight of 2 instead of 4 the gain was -.0009 (-.0016 to -.0003) on news, .0134 "
    "(.0048 to .0229) on articles and .0627 behind teasers. The price of 4 is that two sentences of a short text about "
    "two matters may both be about the first. On articles LexRank without position is better still, and on news far "
    "worse. That the prior fades in long texts was learned from stories and articles, which differ in more than "
    "length. Judging takes longer than making, so it is a table in the repository, measured by "
    f"python -m training.baselines {NAME}; it does not notice if the code that finds sentences changes."
)


def load(run: Run) -> Encoder:
    return load_encoder(run.source, CONFIG.max_tokens)


def make(encoder: Encoder, run: Run) -> Draft:
    figures = measured() if encoder.is_packaged else None
    task = Summarization(CONFIG, {CONFIG.tokenizer: encoder.tokenizer})
    rows = sentence_rows(task, [ARTICLE, CHINESE_ARTICLE])
    network = SentenceEncoder(encoder.load())
    graph = export_sentences(task, network, rows, run.workdir)
    cosine = smallest_cosine(task, network, graph.path, rows)
    return Draft(
        description="Summarises an article by its own most telling sentences, word for word and with their places. "
        f"Sentences are compared by {encoder.name}, ranked by LexRank and chosen by maximal marginal relevance.",
        licence="Apache-2.0" if encoder.is_packaged else encoder.source.licence,
        files={"model.onnx": graph.path, CONFIG.tokenizer: encoder.tokenizer},
        graphs={"model": "model.onnx"},
        config=CONFIG.model_dump(),
        exported=graph,
        metrics=[
            Metric(
                name="smallest_cosine_to_torch",
                value=cosine,
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
        limits=LIMITS if figures else OWN_LIMITS,
        notes=NOTES if figures else OWN_NOTES,
        has_own_data=not encoder.is_packaged,
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
