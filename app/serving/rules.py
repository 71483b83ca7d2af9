"""The rules on traffic as they lie on disk, read and written where a disk that hangs keeps nobody waiting."""

import logging
from functools import partial

from app.errors import NotWritable
from app.repository.repository import ModelRepository
from app.repository.traffic import FILE, TrafficRule, parsed, read_rules, write_rule
from app.serving.worker import WorkerDied, call_aside

log = logging.getLogger(__name__)

DISK_TIMEOUT_S = 60.0  # a lost network drive never answers


class KeptRules:
    """Those of the models that are served here. Others are another service's, and left alone."""

    def __init__(self, repository: ModelRepository) -> None:
        self._repository, self._root = repository, repository.root
        self.problems: dict[str, str] = {}
        """By model, why its file cannot be used; the log has told it once."""
        self._left: set[str] = set()

    async def read(self, name: str | None = None) -> dict[str, TrafficRule | None] | None:
        """Return the rules of all models, or of one; None of a model without a rule.

        A model whose file cannot be used is left out, and among the `problems`. So is one that has no folder. Returns
        None if nothing can be read.
        """
        try:
            lying = await call_aside(partial(read_rules, self._root, name), DISK_TIMEOUT_S, "rules")
        except (OSError, WorkerDied) as error:
            log.error("the rules on traffic cannot be read, and stay as they are: %s", error)
            return None
        found = {one: content for one, content in lying.items() if self._repository.serves(one)}
        for one in lying.keys() - found.keys() - self._left:
            if lying[one] is not None:
                log.info("%s is not served here, and its rule on traffic is left alone", one)
                self._left.add(one)
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
