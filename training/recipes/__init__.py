"""Every recipe. A new model of a known kind adds one file and one line here."""

from training.recipe import Recipe
from training.recipes.article_summarizer import RECIPE as ARTICLE_SUMMARIZER
from training.recipes.imagenet_efficientnet import RECIPE as IMAGENET_EFFICIENTNET
from training.recipes.movielens_recommender import RECIPE as MOVIELENS_RECOMMENDER
from training.recipes.reviews_sentiment import RECIPE as REVIEWS_SENTIMENT

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (IMAGENET_EFFICIENTNET, REVIEWS_SENTIMENT, ARTICLE_SUMMARIZER, MOVIELENS_RECOMMENDER)
}
