"""The rules on traffic as they lie on disk, read and written where a disk that hangs keeps nobody waiting."""

import logging
from functools import partial
from pathlib import Path

from app.errors import NotWritable
from app.repository.traffic import FILE, TrafficRule, parsed, read_file, read_rules, write_rule
from app.serving.worker import WorkerDied, call_aside

log = logging.getLogger(__name__)

DISK_TIMEOUT_S = 60.0  # a lost network drive never answers


class KeptRules:
    def __init__(self, root: Path) -> None:
        self._root = root
        self.problems: dict[str, str] = {}
        """By model, why its file cannot be used; the log has told it once."""

    async def read(self, name: str | None = None) -> dict[str, TrafficRule | None] | None:
        """Return the rules of all models that have one, or that of one model, None if it has none.

        A model whose file cannot be used is left out, and among the `problems`. Returns None if nothing can be read.
        """
        try:
            if name is None:
                found: dict[str, bytes | OSError | None] = {
                    **await call_aside(partial(read_rules, self._root), DISK_TIMEOUT_S, "rules")
                }
            else:
                found = {name: await call_aside(partial(read_file, self._root, name), DISK_TIMEOUT_S, "rules")}
        except (OSError, WorkerDied) as error:
            log.error("the rules on traffic cannot be read, and stay as they are: %s", error)
            return None
        for one in [*self.problems] if name is None else [name]:
            if found.get(one) is None:
                self.problems.pop(one, None)
        return {one: rule for one, content in found.items() for rule in self._usable(one, content)}

    async def write(self, name: str, rule: TrafficRule | None) -> None:
        """Keep a rule, or that there is none. Raises NotWritable."""
        try:
            await call_aside(partial(write_rule, self._root, name, rule), DISK_TIMEOUT_S, "rules")
        except (OSError, WorkerDied) as error:
            why = error.strerror if isinstance(error, OSError) else "the disk does not answer"
            raise NotWritable(f"{name}/{FILE} of the repository cannot be written, so the rule stays: {why}") from error
        self.problems.pop(name, None)

    def _usable(self, name: str, content: bytes | OSError | None) -> list[TrafficRule | None]:
        """Return the rule, in a list; an empty one if the file cannot be used."""
        if isinstance(content, OSError):
            problem = f"{FILE} cannot be read: {content.strerror}"
        else:
            try:
                rule = None if content is None else parsed(content)
            except ValueError as error:
                problem = str(error)
            else:
                self.problems.pop(name, None)
                return [rule]
        if self.problems.get(name) != problem:
            log.error("%s: %s; versions answer as they did before", name, problem)
        self.problems[name] = problem
        return []
