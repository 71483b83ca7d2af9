"""Ray as we need it: set up before it is imported, started or joined."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

EXTRA = "pip install 'tessera[ray]'"

# Read by Ray Serve when it is imported, in each of its processes.
VARIABLES = {
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
    "RAY_AUTH_MODE": "token",  # whoever joins must have it, which is not the default for those
    "RAY_USAGE_STATS_ENABLED": "0",  # or Ray reports to its maker
    "RAY_worker_niceness": "0",  # by default whatever else a machine does goes before replicas
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "1",  # a replica without a share of a GPU sees none
    # A request goes by gRPC from event loop to event loop: 2.3 ms instead of 5.5, and two threads fewer at each end.
    "RAY_SERVE_USE_GRPC_BY_DEFAULT": "1",
    "RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "0",
    "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD": "0",
    "RAY_SERVE_REQUEST_PATH_LOG_BUFFER_SIZE": "1000",
    "RAY_SERVE_QUEUE_LENGTH_RESPONSE_DEADLINE_S": "0.5",  # of a replica that is asked whether it is busy
    # The API bounds what a request may have; 4 MB, the default, is less than a photo.
    "RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH": str(2**31 - 1),
}
OBJECT_STORE_BYTES = 80_000_000  # the least that Ray takes: nothing of ours goes through it
NAMESPACE = "tessera"
QUIET = {"enable_access_log": False, "log_level": "WARNING"}  # of each call and each replica, which we log ourselves


Result = TypeVar("Result")
# What Ray Serve does while it reads or sends a configuration is not for two threads.
_ONE_THREAD = ThreadPoolExecutor(1, "serve")


async def beside(function: Callable[..., Result], *arguments: Any, **named: Any) -> Result:
    """Call a function of Ray that blocks, beside the event loop, one after another."""
    return await asyncio.get_running_loop().run_in_executor(_ONE_THREAD, partial(function, *arguments, **named))


class Cluster(NamedTuple):
    """The Ray that was joined. `is_own`: it was started for this process, and ends with it."""

    is_own: bool
    actor_options: dict[str, Any]
    """Of each actor, so that it finds the same variables."""


def set_variables() -> None:
    """Set what is not set yet. Ray reads some of them when it is imported, once."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)


def connect(address: str, **options: Any) -> Cluster:
    """Join the Ray at an address, "auto" for the one on this machine, or start one for this process.

    `options` go to `ray.init`. Blocks for some seconds. Raises ValueError without Ray, or if nobody is at the address.
    """
    set_variables()
    try:
        import ray
        from ray import serve
    except ImportError as error:
        raise ValueError(f"Ray is not installed: {EXTRA}") from error
    if address:
        environment = {"env_vars": {name: os.environ[name] for name in VARIABLES}}
        started: dict[str, Any] = {"address": address, "runtime_env": environment}
        actor_options: dict[str, Any] = {"runtime_env": environment}
    else:
        started = {
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
        actor_options = {}
    try:
        ray.init(namespace=NAMESPACE, ignore_reinit_error=True, **started, **options)
    except (ConnectionError, RuntimeError) as error:
        raise ValueError(f"TESSERA_RAY_ADDRESS: no Ray can be joined at {address!r}: {error}") from error
    # Fronts speak HTTP: Ray's own proxy, in Python, takes several times as long.
    serve.start(proxy_location="Disabled", logging_config=QUIET)
    return Cluster(not address, actor_options)
