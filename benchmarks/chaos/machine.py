"""Faults of the machine: no disk, no descriptors, a log that nobody reads, a process that is stopped for a while."""

import io
import os
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from time import sleep
from typing import IO

from PIL import Image

from benchmarks.chaos.world import Skipped, World, require

MOST_BYTES = 600_000  # of a file that the service writes
MOST_DESCRIPTORS = 100
PIPE_BYTES = 65_536


def full_disk(world: World) -> str:
    """No file can grow, and the log is on /dev/full: uploads that are kept in files, publishing, tuning, logging."""
    photo = io.BytesIO()
    Image.effect_noise((1500, 1500), 100).convert("RGB").save(photo, "JPEG", quality=95)
    form = world.http.post("/v1/models/brightness/predict", files={"file": ("a.jpg", photo.getvalue(), "image/jpeg")})
    require(form.status_code == 200, f"a photo of {photo.tell()} bytes is answered with {form.text}")
    scratch, limit = world.folder / "scratch", f"ulimit -f 1; exec {sys.executable} -m app models add"
    before = sorted(path.name for path in (world.models / "doubled").iterdir())
    added = subprocess.run(
        ["bash", "-c", f"{limit} {scratch / 'doubled.onnx'} --name doubled"],
        env={**os.environ, "TESSERA_MODELS_DIR": str(world.models)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    require(added.returncode != 0, "a version was published though its manifest has no room")
    require("Traceback" not in added.stderr, f"publishing on a full disk ends in a traceback: {added.stderr[-300:]}")
    after = sorted(path.name for path in (world.models / "doubled").iterdir())
    require(before == after, f"publishing on a full disk leaves {set(after) - set(before)}")
    return f"a photo of {photo.tell()} bytes was answered; publishing said {added.stderr.splitlines()[-1]!r}"


def no_descriptors(world: World) -> str:
    """More connections come than the process may have descriptors; a model is loaded meanwhile."""
    with ExitStack() as stack:
        for _ in range(2 * MOST_DESCRIPTORS):
            with suppress(OSError):
                stack.enter_context(socket.create_connection(("127.0.0.1", world.port), timeout=1))
        sleep(1)
        with suppress(Exception):
            world.load("doubled")
        sleep(2)
    return f"{2 * MOST_DESCRIPTORS} idle connections, {MOST_DESCRIPTORS} descriptors"


def blocked_log(world: World) -> str:
    """Nobody reads stderr, and every line of the log has a long path in it."""
    for _ in range(300):
        world.http.get("/v1/models/" + "x" * 200)
        world.http.post("/v1/models/picky/predict", content=b'{"inputs": [{"x": [1000]}]}')
    return "600 requests that leave a line"


def unread_pipe(folder: Path) -> int:
    """A pipe that is full already; its ends stay open as long as this process."""
    _, write = os.pipe()
    os.set_blocking(write, False)
    with suppress(BlockingIOError):
        while True:
            os.write(write, b"." * 1024)
    os.set_blocking(write, True)
    return write


def full_device(folder: Path) -> IO[bytes]:
    if not Path("/dev/full").exists():
        raise Skipped("this machine has no /dev/full")
    return open("/dev/full", "ab")


def stopped(world: World) -> str:
    """The process is stopped for three seconds, as by a debugger or a machine that is moved."""
    world.signal(SIGSTOP)
    sleep(3)
    world.signal(SIGCONT)
    return "stopped for 3 s"
