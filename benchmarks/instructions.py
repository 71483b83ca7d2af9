"""The vector instructions of this processor: kernels choose by them, so figures of one set say little of another."""

from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# The most telling flag first; a set is named by the folder of its figures.
SETS = (
    ("amx_int8", "amx"),
    ("avx512_vnni", "avx512-vnni"),
    ("avx512f", "avx512"),
    ("avx_vnni", "avx2-vnni"),
    ("avx2", "avx2"),
    ("i8mm", "neon-i8mm"),
    ("asimddp", "neon-dot"),
    ("asimd", "neon"),
)
NAMES = tuple(name for _, name in SETS)
UNKNOWN = "unknown"


def instruction_set(cpuinfo: Path = CPUINFO) -> str:
    """Return the name of the best set that this processor has; UNKNOWN where it does not tell."""
    if not cpuinfo.exists():
        return UNKNOWN
    pairs = (line.partition(":") for line in cpuinfo.read_text(errors="replace").splitlines())
    flags = next((value.split() for key, _, value in pairs if key.strip() in ("flags", "Features")), [])
    return next((name for flag, name in SETS if flag in flags), UNKNOWN)
