"""Random numbers of a run come from its seed, whatever was drawn before."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from training.libraries import can_train


def seed_generators(*numbers: int) -> None:
    """Set the generators of numpy, Python and, if it is here, torch to a state that depends on `numbers` only."""
    mixed = int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0])
    if can_train():
        import torch

        torch.manual_seed(mixed)
    np.random.seed(mixed % 2**32)
    random.seed(mixed)


@contextmanager
def seeded(*numbers: int) -> Iterator[None]:
    """Inside, torch draws what depends on `numbers` only; afterwards it goes on as if nothing had been drawn."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]))
        yield
