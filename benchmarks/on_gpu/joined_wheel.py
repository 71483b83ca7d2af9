"""Install a wheel that came in pieces, on a machine without internet.

    split -b 50M -d -a 3 onnxruntime_gpu-….whl onnxruntime_gpu-….whl.        # elsewhere; the pieces are carried
    python benchmarks/on_gpu/joined_wheel.py FOLDER [--target build/onnxruntime-gpu] [--sha256 …]

Joins FOLDER/<wheel>.whl.000, .001, … and installs the wheel by itself: what it needs must be there. With --target it
goes into a folder of its own, to be put first in PYTHONPATH: packages that share files, as onnxruntime and
onnxruntime-gpu do, then do not spoil one another. Needs nothing but Python and pip.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PIECE = re.compile(r"(?P<wheel>.+\.whl)\.(?P<number>\d+)")


def joined(folder: Path, target: Path, sha256: str = "") -> Path:
    """Write the wheel whose pieces are in `folder` into `target`. Exits if pieces are missing, or it is not whole."""
    pieces = sorted(path for path in folder.iterdir() if PIECE.fullmatch(path.name))
    names = {path.name.rpartition(".")[0] for path in pieces}
    if len(names) != 1:
        raise SystemExit(
            f"error: {folder} must have the pieces of one wheel, and has those of {sorted(names) or 'none'}"
        )
    if [int(path.suffix[1:]) for path in pieces] != list(range(len(pieces))):
        raise SystemExit(f"error: pieces are missing: there are {', '.join(path.suffix[1:] for path in pieces)}")
    wheel = target / names.pop()
    with wheel.open("wb") as file:
        for piece in pieces:
            with piece.open("rb") as part:
                shutil.copyfileobj(part, file)
    with wheel.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 and found != sha256:
        raise SystemExit(f"error: {wheel.name} has the sha256 {found}, not {sha256}")
    if not zipfile.is_zipfile(wheel):
        raise SystemExit(f"error: {wheel.name} is not whole: its last piece is missing, or cut")
    return wheel


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--target", type=Path, help="a folder of its own; without it, the environment of this Python")
    parser.add_argument("--sha256", default="")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = joined(chosen.folder, Path(folder), chosen.sha256)
        place = ["--target", str(chosen.target), "--upgrade"] if chosen.target else []
        command = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", *place, str(wheel)]
        sys.exit(subprocess.run(command).returncode)


if __name__ == "__main__":
    main()
