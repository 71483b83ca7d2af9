"""The end of a fleet."""

import ray

from app.fleet.environment import NAMESPACE
from app.fleet.table import keeper_of


def end_fleet(fleet: str) -> bool:
    """Let the replicas of a fleet answer what they have been asked, and end them. Return whether there were any."""
    try:
        keeper = ray.get_actor(keeper_of(fleet), NAMESPACE)
    except ValueError:
        return False
    ray.get(keeper.stop.remote())
    ray.kill(keeper)
    return True
