"""A version that is live, and the line with which the log says so."""

import logging
from dataclasses import dataclass

from app.repository.of_steps import ManifestOfSteps
from app.serving.engine import Servable
from app.serving.loader import Opened

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LiveVersion:
    """A version that answers, and what it was made of."""

    model: Servable
    opened: Opened


def log_live(opened: Opened) -> None:
    manifest, loaded = opened.manifest, opened.loaded
    if loaded is None:
        where = f"a {manifest.runtime}" if isinstance(manifest, ManifestOfSteps) else "in replicas"
        known = len(manifest.golden)
        log.info("%s version %d is live: %s, %d golden examples", manifest.name, manifest.version, where, known)
        return
    curve, length = loaded.curve, loaded.kernel.lengths[0]
    log.info(
        "%s version %d is live: %s, %d golden examples, %d x %d threads, best batch %d, %.1f ms%s",
        manifest.name, manifest.version,
        ", ".join(f"{graph} on {where['device']}" for graph, where in loaded.placements.items()),
        len(manifest.golden), loaded.num_lanes, loaded.options.threads, curve.best_batch_size(length),
        1000 * curve.row_seconds(length), " (tuned)" if loaded.is_tuned else "",
    )  # fmt: skip
