"""Two nodes that share a folder, here two processes which find each other over loopback."""

import os
from multiprocessing import get_context
from pathlib import Path

import torch
from services import free_port
from test_fit import Plain, numbered, weights

from training.loop.fit import fit
from training.recipe import Run


def train(node: int, folder: Path, port: int) -> None:
    os.environ.update(NODE_RANK=str(node), MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    module = Plain()
    fit(module, numbered(10), Run(folder / f"node-{node}", nodes=2, node=node), epochs=2)
    torch.save(module.state_dict(), folder / f"learned-{node}.pt")


def test_each_node_ends_with_what_one_machine_would_have_learned(tmp_path: Path) -> None:
    port = free_port()
    spawn = get_context("spawn")
    nodes = [spawn.Process(target=train, args=(node, tmp_path, port)) for node in (0, 1)]
    for node in nodes:
        node.start()
    alone = Plain()
    fit(alone, numbered(10), Run(tmp_path / "alone"), epochs=2)
    for node in nodes:
        node.join(120)
    assert [node.exitcode for node in nodes] == [0, 0]
    for number in (0, 1):
        learned = Plain()
        learned.load_state_dict(torch.load(tmp_path / f"learned-{number}.pt", weights_only=True))
        torch.testing.assert_close(weights(learned), weights(alone), rtol=0, atol=1e-5)
