"""Notice models that have been measured since they were loaded."""

from collections.abc import Iterable
from pathlib import Path

from app.repository.manifest import Manifest
from app.repository.of_steps import ManifestOfSteps
from app.runtimes.options import RuntimeOptions
from app.serving.plan import hardware_of, plan_file


class NewPlans:
    """Remembers the stored plan of each version that it was asked about."""

    def __init__(self, root: Path, options: RuntimeOptions) -> None:
        self._root = root
        self._options = options
        self._files: dict[tuple[str, int], Path] = {}  # to find out what this hardware is takes milliseconds
        self._marks: dict[tuple[str, int], str] = {}

    def of(self, live: Iterable[Manifest]) -> list[str]:
        """Return the models among `live` whose plan is another one than at the last look."""
        changed = []
        for manifest in live:
            key = manifest.name, manifest.version
            mark = self.mark(manifest)
            if self._marks.setdefault(key, mark) != mark:
                self._marks[key] = mark
                changed.append(manifest.name)
        return changed

    def mark(self, manifest: Manifest) -> str:
        """Return what tells one stored plan from another; "" if there is none."""
        if isinstance(manifest, ManifestOfSteps):
            return ""
        key = manifest.name, manifest.version
        if key not in self._files:
            found = hardware_of(manifest, self._options)
            self._files[key] = plan_file(self._root / manifest.name, manifest, found)
        try:
            return str(self._files[key].stat().st_mtime_ns)
        except OSError:
            return ""
