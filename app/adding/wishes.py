"""Facts about a graph that its file does not tell, from whoever adds it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from shlex import quote

from app.adding.sizes import Sizes


@dataclass(frozen=True, slots=True)
class Wishes:
    """Files of an example, of class names and of a tokenizer; sizes by name; and what the graph is for."""

    sizes: Sizes = field(default_factory=dict)
    example: Path | None = None
    labels: Path | None = None
    photos: str | None = None
    """The scale in which the graph reads photos, one of SCALES; None if it is served tensors."""
    task: str | None = None
    """One of the tasks that a graph may have, if not the one that these wishes and its inputs tell."""
    tokenizer: Path | None = None
    max_tokens: int | None = None
    outputs: str | None = None
    """The meaning of the numbers that it has for its classes, one of OUTPUTS; None if they are to tell."""
    output: str | None = None
    """The name of the output that has them."""
    mean: str | None = None
    """The mean of pixels from 0 to 1 in its training, and with `std` their deviation: one number, or of each colour."""
    std: str | None = None
    resize: str | None = None
    """The size of a photo of which it sees the middle: of the shorter side, or of height and width; and a filter."""
    preprocessor: Path | None = None
    """The file in which transformers states these three."""

    def options(self) -> Iterator[tuple[str, str]]:
        """Yield the options of the command that were given, each with its value; files by their names alone."""
        yield from (("size", f"{name}={size}") for name, size in self.sizes.items())
        for option in fields(self)[1:]:
            value = getattr(self, option.name)
            if value is not None:
                yield option.name.replace("_", "-"), value.name if isinstance(value, Path) else str(value)

    def __str__(self) -> str:
        return "".join(f" --{option} {quote(value)}" for option, value in self.options())


NO_WISHES = Wishes()
