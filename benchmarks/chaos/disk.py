"""Faults of what lies on disk: loads that hang, versions that change, processes that are killed while they write."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from signal import SIGKILL
from time import monotonic, sleep

from app.repository.repository import ModelRepository
from app.repository.unfinished import UNFINISHED
from benchmarks.chaos.models import FOR_EVER, counting, doubled
from benchmarks.chaos.world import World, require

PUBLISH = """
import sys, time
from pathlib import Path
from benchmarks.chaos.models import doubled
while True: doubled(Path(sys.argv[1]), Path(sys.argv[2]), "killed")
"""


def hanging_loads(world: World) -> str:
    """Two models, and a newer version of one that is asked, hang while they are loaded; others are loaded meanwhile."""
    scratch = world.folder / "scratch"
    for name in ("hangs-1", "hangs-2", "counting"):
        counting(world.models, scratch, name, golden=[FOR_EVER])
    doubled(world.models, scratch, "other")
    with ThreadPoolExecutor(3) as pool:
        hanging = [pool.submit(world.load, name) for name in ("hangs-1", "hangs-2", "counting")]
        sleep(1)
        started = monotonic()
        require(world.load("other").status_code == 200, "another model cannot be loaded meanwhile")
        unloaded = world.http.post("/v2/repository/models/other/unload")
        require(unloaded.status_code == 200, "another model cannot be unloaded meanwhile")
        took = monotonic() - started
        statuses = [each.result().status_code for each in hanging]
    require(statuses == [409, 409, 409], f"loads that hang were answered with {statuses}")
    require(world.http.get("/health/ready").status_code == 200, "the service is not ready afterwards")
    return f"another model was loaded and unloaded in {took:.1f} s meanwhile"


def switches(world: World) -> str:
    """A model that is asked gets newer versions, loses them, and is edited in place."""
    scratch = world.folder / "scratch"
    for number in range(2, 8):
        doubled(world.models, scratch)
        require(world.load("doubled").status_code == 200, f"version {number} was not loaded")
    for number in (7, 6):
        (world.models / "doubled" / str(number)).rename(scratch / f"withdrawn-{number}")
        require(world.load("doubled").status_code == 200, f"version {number} was not withdrawn")
    manifest = world.models / "doubled" / "5" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"description": ""', '"description": "edited"'))
    require(world.load("doubled").json()["description"] == "edited", "an edit in place was not taken up")
    (world.models / "doubled" / "5" / "model.onnx").write_bytes(b"\0" * 100)
    manifest.write_text(manifest.read_text().replace("edited", "spoilt"))
    require(world.load("doubled").status_code == 409, "a spoilt edit was taken up")
    return "6 newer versions, 2 withdrawn, 2 edited"


def killed_while_publishing(world: World) -> str:
    """Whoever publishes is killed at twenty moments; the service loads the model after each."""
    scratch, repository = world.folder / "scratch", ModelRepository(world.models)
    for i in range(20):
        command = [sys.executable, "-c", PUBLISH, str(world.models), str(scratch)]
        publisher = subprocess.Popen(command)
        before = len(repository.versions("killed"))
        while len(repository.versions("killed")) == before:
            sleep(0.01)
        sleep(i * 0.002)
        publisher.kill()
        publisher.wait()
        answer = world.load("killed")
        require(answer.status_code == 200, f"half a version was published: {answer.text}")
        for version in repository.versions("killed"):
            repository.verify(repository.read("killed", version))
    left = len(list((world.models / "killed").glob(f"{UNFINISHED}*")))
    return f"{len(repository.versions('killed'))} versions, all of them whole; {left} unfinished folders"


def killed_while_loading(world: World) -> str:
    """The service is killed amid a load, and started again. Callers wait meanwhile: nobody can answer for the dead."""
    counting(world.models, world.folder / "scratch", "hangs", golden=[FOR_EVER])
    with ThreadPoolExecutor(1) as pool:
        loading = pool.submit(world.load, "hangs")
        sleep(1)
        world.signal(SIGKILL)
        world.ended(10)
        loading.exception()
    _remove(world.models / "hangs")
    started = monotonic()
    world.start()
    world.wait_until_ready()
    return f"ready {monotonic() - started:.1f} s after it was started again"


def _remove(folder: Path) -> None:
    folder.rename(folder.parent.parent / "removed")
