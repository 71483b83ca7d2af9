"""The scripts of the images: versions are copied whole."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def copied(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    script = [ROOT / "deploy" / "copy-models", source, target]
    return subprocess.run(script, capture_output=True, text=True, check=True)


def test_versions_are_copied_whole_and_those_that_are_there_stay(tmp_path):
    source, target = tmp_path / "from", tmp_path / "to"
    for version in ("a/1", "a/2", "b/1"):
        (source / version).mkdir(parents=True)
        (source / version / "manifest.json").write_text(version)
    (target / "a" / "1").mkdir(parents=True)
    (target / "a" / "1" / "manifest.json").write_text("trained here")
    half = target / "b" / ".copying-1"  # as an interruption leaves it
    half.mkdir(parents=True)
    (half / "half").touch()
    assert copied(source, target).stdout.splitlines() == ["copied a version 2", "copied b version 1"]
    files = {str(path.relative_to(target)): path.read_text() for path in target.rglob("*") if path.is_file()}
    assert files == {"a/1/manifest.json": "trained here", "a/2/manifest.json": "a/2", "b/1/manifest.json": "b/1"}
    target.chmod(0o555)
    try:
        assert copied(source, target).stdout == ""
    finally:
        target.chmod(0o755)
