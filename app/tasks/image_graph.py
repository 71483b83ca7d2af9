"""A classifier of pictures that was made elsewhere: another name, form and scale of what goes in and comes out."""

from typing import Annotated

import numpy as np
from pydantic import Field

from app.tasks.labels import SCORES, FunctionToApply
from app.tasks.scaling import PixelScaling, ScalingConfig
from app.tensors import Array, Session


class ImageGraphConfig(ScalingConfig):
    """The graph maps `input`, a batch of scaled pictures, to `output` (floats [batch, labels])."""

    input: str
    output: str
    function_to_apply: Annotated[FunctionToApply, Field(description="from the output to probabilities")] = "softmax"
    is_applied: Annotated[bool, Field(description="whether the graph applies it: its output is probabilities")] = False


class ImageGraph:
    def __init__(self, config: ImageGraphConfig) -> None:
        self._config = config
        self._scaling = PixelScaling(config)
        self._scores = SCORES["none" if config.is_applied else config.function_to_apply]

    def probabilities(self, session: Session, pixels: Array) -> Array:
        """Return floats [batch, labels] of pictures, uint8 [batch, height, width, 3]."""
        answers = session.run({self._config.input: self._scaling(pixels)})[self._config.output]
        return np.stack([self._scores(each) for each in answers])
