"""The recommenders that ours is compared with, slower than it: on its data, its split and by its measures.

ALS: Hu, Koren & Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (ICDM 2008), as implicit has it.
Settings are chosen on the last but one event of each person, training on what came before.
"""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from lightning import LightningModule
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from app.tensors import Array
from training.baselines.table import Table, libraries
from training.data.event_log import History, leave_last_out
from training.data.movielens import SOURCE, SPLIT, load_movielens
from training.errors import progress
from training.loop.fit import fit
from training.loop.next_event import NextEventSettings, fit_next_event, one_thread, score
from training.measures.ranking import hit_rate, ndcg, target_ranks
from training.networks.gru4rec import GRU4Rec
from training.networks.matching import EmbeddingMLP, NeuMF
from training.recipe import Run

NEGATIVES = 4  # pairs that were not seen, for each that was
AS_SASREC = NextEventSettings()
PAIR_EPOCHS = (4, 8, 12, 16)
PAIR_BATCH, PAIR_LEARNING_RATE = 2048, 2e-3

Scores = Callable[[Sequence[History]], Array]
"""Learns from histories and scores what comes next in each, [people, items + 1]."""


def measure(workdir: Path) -> Table:
    movielens = load_movielens()
    past, _ = leave_last_out(movielens.histories)
    num_items = len(movielens.catalogue) - 1
    run = Run(workdir, seed=0)
    choices: dict[str, dict[str, Scores]] = {
        "ALS": {
            f"{factors} factors, regularization {strength}, alpha {alpha}": als(factors, strength, alpha, num_items)
            for factors, strength, alpha in product((32, 64), (0.1, 1.0), (1, 5))
        },
        "user and item embeddings": {
            f"{epochs} epochs": pairs(EmbeddingMLP, epochs, num_items, run) for epochs in PAIR_EPOCHS
        },
        "NeuMF": {f"{epochs} epochs": pairs(NeuMF, epochs, num_items, run) for epochs in PAIR_EPOCHS[:2]},
        "GRU4Rec": {f"{AS_SASREC.epochs} epochs": gru4rec(num_items, run)},
    }
    figures, settings = {}, {}
    for name, candidates in choices.items():
        settings[name] = best(candidates, past)
        figures[name] = judged(candidates[settings[name]], movielens.histories)
        progress(f"{name}, {settings[name]}: {figures[name]}")
    return Table(
        data_sha256=SOURCE.sha256,
        split=SPLIT,
        figures=figures,
        settings=settings,
        libraries=libraries("implicit", "torch"),
    )


def best(candidates: dict[str, Scores], histories: Sequence[History]) -> str:
    """Return the candidate with the best NDCG@10 on the last event of each history. One alone is not tried."""
    if len(candidates) == 1:
        return next(iter(candidates))
    return max(candidates, key=lambda setting: judged(candidates[setting], histories)["ndcg@10"])


def judged(scores: Scores, histories: Sequence[History]) -> dict[str, float]:
    """Return how well `scores`, learned from all earlier events, foresees the last event of each history."""
    past, targets = leave_last_out(histories)
    ranks = target_ranks(scores(past), past, targets)
    return {"hr@10": hit_rate(ranks, 10), "ndcg@10": ndcg(ranks, 10)}


def als(factors: int, regularization: float, alpha: float, num_items: int) -> Scores:
    def scores(histories: Sequence[History]) -> Array:
        from implicit.als import AlternatingLeastSquares

        people = np.repeat(np.arange(len(histories)), [len(history) for history in histories])
        seen = csr_matrix(
            (np.ones(len(people), np.float32), (people, np.concatenate([*histories]))), (len(histories), num_items + 1)
        )
        # It has threads of its own, and warns of others.
        with threadpool_limits(1, "blas"):
            model = AlternatingLeastSquares(
                factors=factors,
                regularization=regularization,
                alpha=alpha,
                num_threads=1,
                random_state=0,
                use_gpu=False,
            )
            model.fit(seen, show_progress=False)
        return np.asarray(model.user_factors @ model.item_factors.T)

    return scores


def pairs(network: Callable[[int, int], nn.Module], epochs: int, num_items: int, run: Run) -> Scores:
    @one_thread()
    def scores(histories: Sequence[History]) -> Array:
        torch.manual_seed(run.seed)
        module = Matching(network(len(histories), num_items), num_items)
        people = torch.repeat_interleave(torch.arange(len(histories)), torch.tensor([*map(len, histories)]))
        seen = TensorDataset(people, torch.from_numpy(np.concatenate([*histories])))
        fit(module, DataLoader(seen, PAIR_BATCH, shuffle=True), run, epochs=epochs)
        items = torch.arange(num_items + 1)
        with torch.inference_mode():
            rows = [module.network(torch.full_like(items, person), items) for person in range(len(histories))]
        return torch.stack(rows).numpy()

    return scores


class Matching(LightningModule):
    """Tells what was seen from items drawn by chance."""

    def __init__(self, network: nn.Module, num_items: int) -> None:
        super().__init__()
        self.network, self.num_items = network, num_items

    def training_step(self, batch: list[Tensor]) -> Tensor:
        people, items = batch
        drawn = torch.randint(1, self.num_items + 1, (NEGATIVES * len(items),), device=items.device)
        truth = torch.cat([torch.ones_like(items), torch.zeros_like(drawn)]).float()
        logits = self.network(people.repeat(NEGATIVES + 1), torch.cat([items, drawn]))
        return F.binary_cross_entropy_with_logits(logits, truth)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), PAIR_LEARNING_RATE, weight_decay=1e-6)


def gru4rec(num_items: int, run: Run) -> Scores:
    """Learns as SASRec does: the same windows, steps and loss, with dropout as it was chosen on validation."""

    @one_thread()
    def scores(histories: Sequence[History]) -> Array:
        torch.manual_seed(run.seed)
        network = GRU4Rec(num_items)
        fit_next_event(network, histories, run, AS_SASREC)
        return score(network, histories)

    return scores
