"""Cores that may compute all the time: those of the process, within the quota of its control groups."""

import os

import pytest

from app.cores import usable_cores
from app.settings import Settings


@pytest.mark.parametrize(
    ("quota", "cores"), [(None, 8), (16.0, 8), (8.0, 8), (2.5, 2), (2.0, 2), (1.99, 1), (1.0, 1), (0.25, 1)]
)
def test_a_model_uses_the_whole_cores_of_the_quota(monkeypatch, quota, cores):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setattr("app.cores.cpu_quota", lambda: quota)
    assert usable_cores() == cores
    assert Settings().threads == cores
