"""A live version of whichever kind a manifest of steps describes."""

from collections.abc import Mapping

from app.repository.cascade import CascadeManifest
from app.repository.of_steps import ManifestOfSteps
from app.repository.pipeline import PipelineManifest
from app.serving.cascade import Cascade
from app.serving.of_steps import Find, VersionOfSteps
from app.serving.pipeline import Pipeline
from app.serving.pool import Pool
from app.telemetry import ModelObserver


def of_steps(
    manifest: ManifestOfSteps, find: Find, observer: ModelObserver, card: Mapping[str, bytes], threads: Pool
) -> VersionOfSteps:
    """Raises InvalidArtifact for what it can be seen by its manifest alone that it could not answer."""
    if isinstance(manifest, CascadeManifest):
        return Cascade(manifest, find, observer, card)
    assert isinstance(manifest, PipelineManifest)
    return Pipeline(manifest, find, observer, card, threads)
