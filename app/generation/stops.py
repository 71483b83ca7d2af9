"""Text that ends an answer. Knows no tokens: it reads text as it comes."""

from collections.abc import Sequence

from app.errors import InvalidInput


class StopStrings:
    """Shows a text up to the first stop string in it, in whatever pieces it comes.

    That is the one that is complete first; of several complete at the same character, the longest. So a stop string
    is found the moment its last character is written, and nothing more need be. Raises InvalidInput for an empty one.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        for at, stop in enumerate(stops):
            if not stop:
                raise InvalidInput("is empty; a stop string has at least one character").under(at)
        self.found: str | None = None
        """The stop string, once it has appeared."""
        self._searches = [_Search(stop) for stop in stops]
        self._held = ""

    def push(self, text: str) -> str:
        """Return what may be shown now. The longest end of the text that a stop string may begin with is held back."""
        if self.found is not None:
            return ""
        for at, character in enumerate(text):
            complete = [one.stop for one in self._searches if one.reads(character)]
            if complete:
                self.found = max(complete, key=len)
                shown = (self._held + text[: at + 1])[: -len(self.found)]
                self._held = ""
                return shown
        text = self._held + text
        shown_until = len(text) - max((one.matched for one in self._searches), default=0)
        self._held = text[shown_until:]
        return text[:shown_until]

    def end(self) -> str:
        """Return what was held back, as no more text comes."""
        held, self._held = self._held, ""
        return held


class _Search:
    """One string in a text that comes character by character (Knuth, Morris, Pratt 1977): each is looked at once."""

    def __init__(self, stop: str) -> None:
        self.stop = stop
        self.matched = 0
        """The number of characters of `stop` that the text ends with."""
        self._shorter = [0] * len(stop)  # after how many matched, how many match still if the next character does not
        for at in range(1, len(stop)):
            self._shorter[at] = self._after(self._shorter[at - 1], stop[at])

    def _after(self, matched: int, character: str) -> int:
        while matched and self.stop[matched] != character:
            matched = self._shorter[matched - 1]
        return matched + (self.stop[matched] == character)

    def reads(self, character: str) -> bool:
        """Whether the stop string is complete with this character."""
        self.matched = self._after(self.matched, character)
        return self.matched == len(self.stop)
