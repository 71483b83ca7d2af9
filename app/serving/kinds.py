"""The kinds of versions in memory: each answers in the way of its kernel, or by its steps."""

from collections.abc import Callable, Mapping
from functools import partial

from app.repository.cascade import CascadeManifest
from app.repository.of_steps import ManifestOfSteps
from app.repository.pipeline import PipelineManifest
from app.serving.cascade import Cascade
from app.serving.engine import Predicts
from app.serving.generator import TextGenerator
from app.serving.model import Model
from app.serving.of_steps import Find, VersionOfSteps
from app.serving.pipeline import Pipeline
from app.serving.pool import Pool
from app.serving.sequences import SequenceModel
from app.tasks.kernel import Kernel
from app.telemetry import ModelObserver


def kind_of(
    kernel: Kernel, find: Callable[[str], Predicts], drift: bool
) -> Callable[..., Model | TextGenerator | SequenceModel]:
    """Return the kind of a version with this kernel. `find` and `drift` are those of one that is asked in batches: what
    is written token by token has no measures.
    """
    if kernel.writes_rows:
        return SequenceModel
    return TextGenerator if kernel.steps else partial(Model, find=find, drift=drift)


def of_steps(
    manifest: ManifestOfSteps, find: Find, observer: ModelObserver, card: Mapping[str, bytes], threads: Pool
) -> VersionOfSteps:
    """Raises InvalidArtifact if its manifest alone tells that it could not answer."""
    if isinstance(manifest, CascadeManifest):
        return Cascade(manifest, find, observer, card)
    assert isinstance(manifest, PipelineManifest)
    return Pipeline(manifest, find, observer, card, threads)
