"""Every recipe. A new model of a known kind adds one file and one line here."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from training.errors import TrainingError
from training.libraries import HOW, can_train

if TYPE_CHECKING:
    from training.recipe import Recipe


class Listed(NamedTuple):
    """Where a recipe is, and what is said of it without loading it, which takes seconds.

    `without_torch`: where a lesser one of the same name is, for a machine without torch; "" if there is none.
    """

    module: str
    task: str
    summary: str
    without_torch: str = ""


RECIPES = {
    "imagenet-efficientnet": Listed(
        "training.recipes.imagenet_efficientnet",
        "image-classification",
        "which of 1,000 things a photo shows (EfficientNet-Lite0, 8 bits)",
    ),
    "imagenet-efficientnet-lite2": Listed(
        "training.recipes.imagenet_efficientnet_lite2",
        "image-classification",
        "the same, larger and slower (EfficientNet-Lite2, 8 bits)",
    ),
    "imagenet-cascade": Listed(
        "training.recipes.imagenet_cascade",
        "image-classification",
        "Lite0 where it is sure, Lite2 where it is not: of both as they are published; misses its mark so far",
    ),
    "reviews-sentiment": Listed(
        "training.recipes.reviews_sentiment",
        "text-classification",
        "sentiment of English reviews and tweets in three classes; MiniLM-L6, int8",
    ),
    "reviews-sentiment-small": Listed(
        "training.recipes.reviews_sentiment_small",
        "text-classification",
        "the same in two layers, distilled from reviews-sentiment; int8",
    ),
    "reviews-sentiment-cascade": Listed(
        "training.recipes.reviews_sentiment_cascade",
        "text-classification",
        "two layers where they are sure, six where they are not: of both as they are published, minutes",
    ),
    "reviews-sentiment-zh": Listed(
        "training.recipes.reviews_sentiment_zh",
        "text-classification",
        "sentiment of Chinese shop reviews; runs of characters in a linear model; misses its mark so far",
    ),
    "text-classifier": Listed(
        "training.recipes.text_classifier",
        "text-classification",
        "your own texts by your own labels, one or several each (--source tickets.csv); any language, int8, minutes",
    ),
    "photo-classifier": Listed(
        "training.recipes.photo_classifier",
        "image-classification",
        "your own photos, a folder for each class (--source photos/); EfficientNet-Lite0, minutes",
    ),
    "article-summarizer": Listed(
        "training.recipes.article_summarizer",
        "summarization",
        "an article's own most telling sentences (MiniLM-L6, LexRank, MMR)",
    ),
    "smollm2-instruct": Listed(
        "training.recipes.smollm2_instruct",
        "text-generation",
        "a chat in English that nobody verifies (SmolLM2-135M-Instruct), or another decoder of your own; minutes",
    ),
    "qwen-coder-instruct": Listed(
        "training.recipes.qwen_coder_instruct",
        "text-generation",
        "a chat in Chinese and English, and code, that nobody verifies (Qwen2.5-Coder-0.5B-Instruct); downloads .5 GB",
    ),
    "translator-en-pt": Listed(
        "training.recipes.translator_en_pt",
        "translation",
        "English into Portuguese (a student of Bergamot), as nobody verifies it; downloads 43 MB",
    ),
    "translator-pt-en": Listed(
        "training.recipes.translator_pt_en",
        "translation",
        "Portuguese into English (a student of Bergamot), as nobody verifies it; downloads 43 MB",
    ),
    "own-translator": Listed(
        "training.recipes.own_translator",
        "translation",
        "a T5, Marian, BART, mBART, Pegasus or M2M-100 of your own (--source), as transformers writes; minutes",
    ),
    "speech-recognizer": Listed(
        "training.recipes.speech_recognizer",
        "automatic-speech-recognition",
        "English speech as text (Whisper tiny.en), as nobody verifies it; downloads 100 MB",
    ),
    "speech-recognizer-base": Listed(
        "training.recipes.speech_recognizer_base",
        "automatic-speech-recognition",
        "the same in 99 languages, larger and slower (Whisper base); downloads 180 MB",
    ),
    "own-recognizer": Listed(
        "training.recipes.own_recognizer",
        "automatic-speech-recognition",
        "a Whisper of your own (--source), as transformers writes it; minutes, downloads 20 MB",
    ),
    "translator-en-de": Listed(
        "training.recipes.translator_en_de",
        "translation",
        "English into German as programs say things, trained here beside an LSTM; two hours, downloads .3 GB",
    ),
    "translator-zh-en": Listed(
        "training.recipes.translator_zh_en",
        "translation",
        "Chinese into English as programs say things, trained here beside an LSTM; two hours, downloads .3 GB",
    ),
    "own-summarizer": Listed(
        "training.recipes.own_summarizer",
        "summarization",
        "a T5, BART or Pegasus of your own (--source) that writes summaries, as transformers writes them; minutes",
    ),
    "one-line-summarizer": Listed(
        "training.recipes.one_line_summarizer",
        "summarization",
        "a long description of a program to one line, trained here; two hours of one core, downloads 58 MB",
    ),
    "movielens-recommender": Listed(
        "training.recipes.movielens_recommender",
        "recommendation",
        "the next film from the last fifty, SASRec and EASE on MovieLens-100k, about a minute",
        without_torch="training.recipes.recommender_in_closed_form",
    ),
    "time-series-forecaster": Listed(
        "training.recipes.time_series_forecaster",
        "time-series-forecasting",
        "the next eighteen months of any monthly series, with quantiles; a GRU for all series",
    ),
    "tabular-model": Listed(
        "training.recipes.tabular_model",
        "tabular-classification",
        "a column of a table by the others, of your own (--source FILE --target COLUMN): a class or a number; seconds",
    ),
    "fashion-mnist": Listed(
        "training.recipes.fashion_mnist",
        "image-classification",
        "which of ten kinds of garment a picture shows, a residual network on Fashion-MNIST, half an hour",
    ),
    "fashion-vae": Listed(
        "training.recipes.fashion_vae",
        "unconditional-image-generation",
        "a class and a seed to a picture, a conditional VAE on Fashion-MNIST, a quarter of an hour",
    ),
    "fashion-gan": Listed(
        "training.recipes.fashion_gan",
        "unconditional-image-generation",
        "a class and a seed to a picture, a conditional GAN on Fashion-MNIST, ten minutes",
    ),
}


def load_recipe(name: str) -> "Recipe[Any]":
    """Raises TrainingError if a library that it needs is not installed."""
    listed = RECIPES[name]
    module = listed.without_torch if listed.without_torch and not can_train() else listed.module
    try:
        recipe: Recipe[Any] = import_module(module).RECIPE
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] in ("app", "training"):
            raise
        raise TrainingError(f"{name} needs {error.name}, which is not installed: {HOW}") from error
    return recipe
