"""The number of rows that may share a batch: a manifest's word counts only if it says by which proof."""

import logging
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from app.independence.operators import Late
from app.independence.tensors import PROOF, why_unbatched
from app.repository.manifest import Manifest
from app.runtimes import PROGRAMS
from app.tasks.kernel import Kernel
from app.tasks.tensors import RawTensorsConfig, TensorsKernel
from app.tensors import Session

log = logging.getLogger(__name__)

PROVE_S = 2.0  # of loading a version that was added before there was this proof


def largest_batch(
    manifest: Manifest, kernel: Kernel, sessions: Mapping[str, Session], files: Mapping[str, Path]
) -> int:
    """Return how many rows may share a batch: one, with a warning, if nothing says that they keep apart."""
    most = manifest.batching.max_batch_size
    if most == 1 or not isinstance(kernel, TensorsKernel):
        return most
    config = RawTensorsConfig.model_validate(manifest.config)
    if not config.batched or config.proof >= PROOF:
        return most
    if why := _why_unbatched(manifest, config, kernel, sessions, files):
        log.warning(
            "%s version %d: each row is run by itself, since %s; add the file again to have it looked at in full",
            manifest.name, manifest.version, why,
        )  # fmt: skip
        return 1
    return most


def _why_unbatched(
    manifest: Manifest,
    config: RawTensorsConfig,
    kernel: TensorsKernel,
    sessions: Mapping[str, Session],
    files: Mapping[str, Path],
) -> str:
    row, end = kernel.probe(1), monotonic() + PROVE_S
    if row is None:
        return "no row is known to try it with"
    shapes = {name: array.shape for name, array in row.items()}
    try:
        program = PROGRAMS[manifest.runtime](files[manifest.graphs["model"]])
        return why_unbatched(
            kernel, sessions["model"], program, config.inputs, [shapes], row, manifest.batching.max_batch_size, end
        )
    except Late:
        return f"it could not be shown within {PROVE_S:.0f} s that rows do not influence each other"
    except Exception as error:  # of a runtime, too: what was served before goes on, row by row
        return f"it cannot be looked at: {error}"
