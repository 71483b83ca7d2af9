"""The turn in which versions answer, and which of them stay loaded, where that is not left to their numbers."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Held:
    """`default` answers whoever names no version, the newest if it is None.

    It and those that are `kept` stay loaded, however many newer ones there are.
    """

    default: int | None = None
    kept: frozenset[int] = frozenset()

    def keeps(self, version: int) -> bool:
        return version == self.default or version in self.kept

    def turn(self, version: int) -> tuple[bool, bool, int]:
        """Return what sorts versions by who answers before whom.

        First comes the default. If it cannot answer, those before it come first, the newest of them first: whoever
        named it did not trust what came after it.
        """
        return version != self.default, self.default is not None and version > self.default, -version
