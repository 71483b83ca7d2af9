"""The rule for the device that a session runs on: the same for every runtime."""

import logging
from collections.abc import Callable

from app.errors import ModelNotReady
from app.runtimes.options import Device
from app.tensors import Placement

logger = logging.getLogger(__name__)


def place(device: Device, cuda_fault: Callable[[], str | None]) -> Placement:
    """Decide, and log the decision with its reason.

    `cuda_fault` tries the GPU and says in words why it cannot be used, or None if it can; it is not called
    where the CPU was asked for. Raises ModelNotReady if "cuda" was asked for and cannot be used.
    """
    if device == "cpu":
        return _logged(device, Placement("cpu", "the CPU was asked for"))
    fault = cuda_fault()
    if fault is None:
        return _logged(device, Placement("cuda", "a CUDA device was found and works"))
    if device == "cuda":
        raise ModelNotReady(f"device cuda was asked for, but {fault}")
    return _logged(device, Placement("cpu", fault))


def _logged(device: Device, placement: Placement) -> Placement:
    logger.info("device %s: running on %s, because %s", device, placement.device, placement.reason)
    return placement
