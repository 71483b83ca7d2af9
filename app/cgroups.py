"""The limits that control groups set this process, of version 1 or 2: processor time and memory."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

PROC = Path("/proc/self")

Limit = Callable[[Path], float | None]
"""Reads the limit that the files of one group state; None for none."""


def cpu_quota(proc: Path = PROC) -> float | None:
    """Return the seconds of processor time a second that control groups allow; None without a limit.

    The tightest counts, of this process's own group and of those around it, as far as they can be seen from here.
    """
    return _tightest("cpu", {"cgroup2": _quota_of_version_2, "cgroup": _quota_of_version_1}, proc)


def memory_limit(proc: Path = PROC) -> float | None:
    """Return the bytes of memory that control groups allow, the tightest as for `cpu_quota`; None without a limit."""
    return _tightest("memory", {"cgroup2": _memory_of_version_2, "cgroup": _memory_of_version_1}, proc)


def _tightest(controller: str, limits: Mapping[str, Limit], proc: Path) -> float | None:
    try:
        groups = _groups(proc / "cgroup", controller)
        mounts = list(_mounts(proc / "mountinfo", controller))
    except (OSError, ValueError):  # no Linux, or no /proc
        return None
    found = [limit for kind, group in groups.items() for limit in _limits(limits[kind], kind, group, mounts)]
    return min(found, default=None)


@dataclass(frozen=True, slots=True)
class _Mount:
    """Where a hierarchy of groups can be read: its group `root` lies at `point`."""

    kind: str
    root: PurePosixPath
    point: Path


def _groups(file: Path, controller: str) -> dict[str, PurePosixPath]:
    """The group of this process in each hierarchy that may have the controller (cgroups(7): `id:controllers:path`)."""
    found = {}
    for line in file.read_text(errors="surrogateescape").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0" and not controllers:
            found["cgroup2"] = PurePosixPath(path)
        elif controller in controllers.split(","):
            found["cgroup"] = PurePosixPath(path)
    return found


def _mounts(file: Path, controller: str) -> Iterator[_Mount]:
    """The hierarchies that may have the controller (proc(5): `… root point options … - type source options`)."""
    for line in file.read_text(errors="surrogateescape").splitlines():
        before, _, after = line.partition(" - ")
        _, _, _, root, point, *_ = before.split()
        kind, _, options = after.split(" ", 2)
        if kind == "cgroup2" or (kind == "cgroup" and controller in options.split(",")):
            yield _Mount(kind, PurePosixPath(_unescaped(root)), Path(_unescaped(point)))


def _limits(read: Limit, kind: str, group: PurePosixPath, mounts: Sequence[_Mount]) -> Iterator[float]:
    """The limits of a group and of all around it, as far as they are mounted."""
    of_kind = [mount for mount in mounts if mount.kind == kind]
    # In a namespace of groups that is not the mount's, paths do not agree; then what is mounted is taken for our own.
    around = [mount for mount in of_kind if _is_inside(group, mount.root)] or of_kind
    for mount in around:
        inside = group.relative_to(mount.root) if _is_inside(group, mount.root) else PurePosixPath()
        for part in (inside, *inside.parents):
            try:
                limit = read(mount.point / part)
            except (OSError, ValueError):  # the outermost group has no such file, nor those without the controller
                continue
            if limit is not None:
                yield limit


def _is_inside(group: PurePosixPath, root: PurePosixPath) -> bool:
    return group.is_relative_to(root) and ".." not in group.parts


def _quota_of_version_2(group: Path) -> float | None:
    quota, period = (group / "cpu.max").read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _quota_of_version_1(group: Path) -> float | None:
    quota, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
    return None if quota <= 0 else quota / period


def _memory_of_version_2(group: Path) -> float | None:
    limit = (group / "memory.max").read_text().strip()
    return None if limit == "max" else int(limit)


def _memory_of_version_1(group: Path) -> float | None:
    """Without a limit it is the largest number of pages that the kernel can count, more than any machine has."""
    return int((group / "memory.limit_in_bytes").read_text())


def _unescaped(path: str) -> str:
    """A path as mountinfo writes it, with blanks as \\040."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), path)
