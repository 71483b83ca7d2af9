"""A task: one kind of model, by its kernel and the views of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.tasks.contract import Contract
from app.tasks.kernel import Kernel
from app.tasks.view import View


class Task:
    """A kind of model: how its kernel is made, and how models of it may be asked. The first view is its own."""

    def __init__(self, kernel: type[Kernel], *views: type[View[Any]]) -> None:
        self.Kernel, self.Views = kernel, views
        self.contracts: Mapping[str, Contract] = {view.contract.name: view.contract for view in views}
        self.contract = views[0].contract
        self.name = self.contract.name
        """By which manifests call it."""

    def open(self, config: Any, files: Mapping[str, Path]) -> Kernel:
        """The kernel of one model, from the `config` in its manifest and its verified `files`.

        Raises ValidationError if the config is not that of the kernel, KeyError if it names a file that is not there,
        and InvalidArtifact.
        """
        return self.Kernel(self.Kernel.Config.model_validate(config), files)

    def own(self, kernel: Kernel) -> View[Any]:
        """A model as what it is."""
        return self.Views[0](kernel)

    def views(self, kernel: Kernel) -> list[View[Any]]:
        """A model as all that it can be asked for, its own view first."""
        return [view(kernel) for view in self.Views]
