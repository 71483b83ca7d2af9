"""The batches of an epoch: the same whatever was interrupted, and shared among processes without loss."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import torch
from lightning import Trainer
from torch.utils.data import DataLoader, IterableDataset

from training.seeds import seed_generators


class EpochBatches:
    """The part of `loader` that one process sees in the trainer's current epoch.

    The order depends on nothing but the seed and the epoch: the loader's samplers draw from torch's global generator
    or from the loader's own, which are set, and numpy's; whatever of the dataset, sampler and batch sampler has
    `set_epoch` is told the epoch. Of each batch the process with rank r takes every sample r, r + world size, and so
    on; of a batch with fewer samples than processes, the others repeat one.
    """

    def __init__(self, loader: DataLoader[Any], trainer: Trainer, seed: int) -> None:
        self._loader = loader
        self._trainer = trainer
        self._seed = seed
        self._given = 0
        self._resumed: tuple[int, int] | None = None  # epoch, batches given in it

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Any]:
        # Nothing of this runs before the first batch is asked for, when the epoch is known.
        epoch, skipped = self._trainer.current_epoch, 0
        if self._resumed and self._resumed[0] == epoch and self._resumed[1] < len(self):
            skipped = self._resumed[1]
        self._given, self._resumed = skipped, None
        for batch in self._from(epoch, skipped):
            self._given += 1
            yield batch

    def _from(self, epoch: int, skipped: int) -> Iterator[Any]:
        loader = self._loader
        batches = self._order(epoch)
        if batches is None:
            return islice(loader, skipped, None)
        rank, world = self._trainer.global_rank, self._trainer.world_size
        mine = [batch[rank::world] or batch[:1] for batch in batches[skipped:]]
        return iter(
            DataLoader(
                loader.dataset,
                batch_sampler=mine,
                num_workers=loader.num_workers,
                collate_fn=loader.collate_fn,
                pin_memory=loader.pin_memory,
                timeout=loader.timeout,
                worker_init_fn=loader.worker_init_fn,
                multiprocessing_context=loader.multiprocessing_context,
                prefetch_factor=loader.prefetch_factor,
                generator=torch.Generator().manual_seed(self._seed + epoch),
            )
        )

    def _order(self, epoch: int) -> list[list[Any]] | None:
        """Every batch of the epoch as its indices; None if the loader forms no batches of its own."""
        loader = self._loader
        with torch.random.fork_rng(devices=[]):
            seed_generators(self._seed, epoch)
            for part in (loader.dataset, loader.sampler, loader.batch_sampler):
                if callable(set_epoch := getattr(part, "set_epoch", None)):
                    set_epoch(epoch)
            if isinstance(generator := getattr(loader.sampler, "generator", None), torch.Generator):
                generator.manual_seed(self._seed + epoch)
            if loader.batch_sampler is None or isinstance(loader.dataset, IterableDataset):  # whose sampler never ends
                return None
            return [list(batch) for batch in loader.batch_sampler]

    @property
    def position(self) -> tuple[int, int]:
        """The epoch, and how many of its batches were given."""
        return self._trainer.current_epoch, self._given

    def go_on_from(self, position: tuple[int, int]) -> None:
        self._resumed = position
