"""How many cores this process may use: those it may run on, and the time that its control groups give it there."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROC = Path("/proc/self")


def usable_cores() -> int:
    """Return the whole cores that may compute all the time, at least 1.

    A quota of 2.5 gives 2: with three threads at work it would be used up before each period of the kernel's (0.1 s)
    ends, and then everything stands still, the event loop included. What is left over is for that.
    """
    cores = len(os.sched_getaffinity(0))
    quota = cpu_quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def cpu_quota(proc: Path = PROC) -> float | None:
    """Return the seconds of processor time a second that control groups allow, of version 1 or 2; None without a limit.

    The tightest counts, of this process's own group and of those around it, as far as they can be seen from here.
    """
    try:
        groups = _groups(proc / "cgroup")
        mounts = list(_mounts(proc / "mountinfo"))
    except (OSError, ValueError):  # no Linux, or no /proc
        return None
    quotas = [quota for kind, group in groups.items() for quota in _quotas(kind, group, mounts)]
    return min(quotas, default=None)


@dataclass(frozen=True, slots=True)
class _Mount:
    """Where a hierarchy of groups can be read: its group `root` lies at `point`."""

    kind: str
    root: PurePosixPath
    point: Path


def _groups(file: Path) -> dict[str, PurePosixPath]:
    """The group of this process in each hierarchy that can limit processors (cgroups(7): `id:controllers:path`)."""
    found = {}
    for line in file.read_text(errors="surrogateescape").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            found["cgroup2"] = PurePosixPath(path)
        elif "cpu" in controllers.split(","):
            found["cgroup"] = PurePosixPath(path)
    return found


def _mounts(file: Path) -> Iterator[_Mount]:
    """The hierarchies that can limit processors (proc(5): `… root point options … - type source options`)."""
    for line in file.read_text(errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, point, *_ = before.split()
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and "cpu" in options.split(",")):
            yield _Mount(kind, PurePosixPath(_unescaped(root)), Path(_unescaped(point)))


def _quotas(kind: str, group: PurePosixPath, mounts: Sequence[_Mount]) -> Iterator[float]:
    """The limits of a group and of all around it, as far as they are mounted."""
    read = _quota_of_version_2 if kind == "cgroup2" else _quota_of_version_1
    of_kind = [mount for mount in mounts if mount.kind == kind]
    # In a namespace of groups that is not the mount's, paths do not agree; then what is mounted is taken for our own.
    around = [mount for mount in of_kind if _is_inside(group, mount.root)] or of_kind
    for mount in around:
        inside = group.relative_to(mount.root) if _is_inside(group, mount.root) else PurePosixPath()
        for part in (inside, *inside.parents):
            try:
                quota = read(mount.point / part)
            except (OSError, ValueError):  # the outermost group has no such file, nor those without the controller
                continue
            if quota is not None:
                yield quota


def _is_inside(group: PurePosixPath, root: PurePosixPath) -> bool:
    return group.is_relative_to(root) and ".." not in group.parts


def _quota_of_version_2(group: Path) -> float | None:
    quota, period = (group / "cpu.max").read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _quota_of_version_1(group: Path) -> float | None:
    quota, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    return None if quota <= 0 else quota / period


def _unescaped(path: str) -> str:
    """A path as mountinfo writes it, with blanks as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
