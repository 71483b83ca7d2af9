"""The long texts of a recipe, which lie beside it as Markdown: one for each heading."""

import re
from importlib.resources import files

HEADING = re.compile(r"^## (.+)$", re.MULTILINE)


class Prose:
    """The texts in `<module>.md`, beside the recipe that is this module.

    Lines of a paragraph or an item are joined, as a manifest has them; `{name}` becomes the value of that name.
    """

    def __init__(self, module: str) -> None:
        package, _, name = module.rpartition(".")
        _, *parts = HEADING.split(files(package).joinpath(f"{name}.md").read_text(encoding="utf-8"))
        self._texts = dict(zip(parts[::2], parts[1::2], strict=True))

    def text(self, heading: str, **values: object) -> str:
        """The paragraph below `heading`. Raises KeyError if there is none, or if a value is missing."""
        return " ".join(self._texts[heading].split()).format(**values)

    def items(self, heading: str, **values: object) -> list[str]:
        """Each item of the list below `heading`, as `text`."""
        _, *items = re.split(r"^- ", self._texts[heading], flags=re.MULTILINE)
        return [" ".join(item.split()).format(**values) for item in items]
