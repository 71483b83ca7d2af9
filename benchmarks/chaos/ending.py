"""The end of the process: asked for, with something in the way, and with very many models."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from signal import SIGTERM
from time import monotonic, sleep

import httpx

from benchmarks.chaos.models import FOR_EVER, counting
from benchmarks.chaos.world import World, require

DRAIN_S = 6.0
MANY = 1000


def restarted(world: World) -> float:
    started = monotonic()
    world.start()
    world.wait_until_ready()
    return monotonic() - started


def terminated(world: World) -> str:
    """SIGTERM under load; the service is then started again, as a supervisor does."""
    world.signal(SIGTERM)
    status, took = world.ended(DRAIN_S + 2)
    require(status == 0, f"it ended with {status}")
    return f"ended in {took:.1f} s, ready again in {restarted(world):.1f} s"


def terminated_amid_all(world: World) -> str:
    """SIGTERM while a kernel hangs, a load hangs, a body does not arrive and a client does not read its answer."""
    counting(world.models, world.folder / "scratch", "hangs", golden=[FOR_EVER])
    with ThreadPoolExecutor(4) as pool, ExitStack() as stack:
        hanging = pool.submit(world.ask, "counting", FOR_EVER, deadline_ms=60_000)
        loading = pool.submit(world.load, "hangs")
        slow = stack.enter_context(socket.create_connection(("127.0.0.1", world.port)))
        slow.sendall(b"POST /v1/models/doubled/predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        sleep(1)
        world.signal(SIGTERM)
        status, took = world.ended(DRAIN_S + 2)
        statuses = []
        for each in (hanging, loading):
            with suppress(httpx.TransportError):
                statuses.append(each.result().status_code)
        with suppress(OSError):
            answer = slow.recv(100)
            statuses.append(int(answer.split()[1]) if answer else 0)
    require(took <= DRAIN_S, f"it ended {took:.1f} s after the signal, and the limit is {DRAIN_S:.0f} s")
    require(set(statuses) <= {0, 503, 504}, f"what could not be answered got {statuses}")
    (world.models / "hangs").rename(world.folder / "removed")
    return (
        f"ended in {took:.1f} s with status {status}; refused with {statuses}; ready again in {restarted(world):.1f} s"
    )


def many_models(world: World) -> str:
    """Stop a service of a thousand models under load: 503s go out, and the process ends in five seconds."""
    first = world.models / "doubled" / "1"
    started = monotonic()
    for i in range(1, MANY):
        copy = world.models / f"doubled-{i}" / "1"
        copy.mkdir(parents=True)
        os.link(first / "model.onnx", copy / "model.onnx")
        manifest = (first / "manifest.json").read_text().replace('"name": "doubled"', f'"name": "doubled-{i}"')
        (copy / "manifest.json").write_text(manifest)
    world.signal(SIGTERM)
    world.ended(DRAIN_S + 2)
    world.start()
    world.wait_until_ready(900)
    loaded_s = monotonic() - started
    sleep(2)
    world.signal(SIGTERM)
    told, refused, longest = monotonic(), 0, 0.0
    last = told
    with httpx.Client(base_url=world.url, timeout=10) as client, suppress(httpx.TransportError):
        while world.process.poll() is None:
            refused += client.get("/health/ready").status_code == 503
            longest, last = max(longest, monotonic() - last), monotonic()
    status, _ = world.ended(60)
    took = monotonic() - told
    require(took <= 5, f"{MANY} models took {took:.1f} s to stop")
    return (
        f"{MANY} models loaded in {loaded_s:.0f} s, stopped in {took:.1f} s with {status}; "
        f"{refused} refusals, longest wait {longest:.2f} s"
    )
