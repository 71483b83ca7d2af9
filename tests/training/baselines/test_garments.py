from training.baselines.garments import regression_scores
from training.data.fashion_mnist import tiny_fashion_mnist
from training.measures.garments import accuracy


def test_a_linear_model_learns_the_tiny_pictures() -> None:
    garments = tiny_fashion_mnist()
    assert accuracy(regression_scores(garments), garments.test.classes) > 0.9
