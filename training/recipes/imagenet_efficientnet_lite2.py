"""The larger of two ImageNet classifiers: EfficientNet-Lite2's published weights in 8 bits; minutes on one core.

Made as imagenet-efficientnet is, and measured beside it. It takes longer for a photo, so it is a model of its own.
"""

from functools import partial

from training.recipe import Recipe
from training.recipes.imagenet_efficientnet import LITE0, LITE2, held_out, load, make, sample

RECIPE = Recipe(
    name="imagenet-efficientnet-lite2",
    task="image-classification",
    load=partial(load, LITE2, LITE0),
    make=make,
    held_out=held_out,
    sample=sample,
    must_reach={"top1_agreement_with_fp32": 0.95},
    takes_source=True,
)
