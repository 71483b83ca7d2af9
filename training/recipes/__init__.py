"""Every recipe. A new model of a known kind adds one file and one line here."""

from importlib import import_module

from training.recipe import Recipe

# By module and not by object: one recipe should not wait for the libraries of all others.
RECIPES = {
    "imagenet-efficientnet": "training.recipes.imagenet_efficientnet",
    "imagenet-efficientnet-lite2": "training.recipes.imagenet_efficientnet_lite2",
    "reviews-sentiment": "training.recipes.reviews_sentiment",
    "reviews-sentiment-small": "training.recipes.reviews_sentiment_small",
    "reviews-sentiment-zh": "training.recipes.reviews_sentiment_zh",
    "article-summarizer": "training.recipes.article_summarizer",
    "movielens-recommender": "training.recipes.movielens_recommender",
    "time-series-forecaster": "training.recipes.time_series_forecaster",
    "fashion-mnist": "training.recipes.fashion_mnist",
    "fashion-vae": "training.recipes.fashion_vae",
    "fashion-gan": "training.recipes.fashion_gan",
}


def load_recipe(name: str) -> Recipe:
    recipe: Recipe = import_module(RECIPES[name]).RECIPE
    return recipe
