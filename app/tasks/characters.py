"""A text as a person sees it: whether anything, and whether two look the same. Knows nothing of tasks."""

import re
import unicodedata
from collections.abc import Sequence

# Letters and symbols whose glyph is blank: fillers of Hangul, the Braille pattern without dots, a null notehead.
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")
_SELECTOR = re.compile("[\u034f\u180b-\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")  # of one glyph among variants
_UNSEEN = frozenset({"Cc", "Cf"})  # categories: control and format characters
LOOSEST = 4  # a name may be written in so many times the characters of the longest; folding what is longer is dear


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: spaces, control and format characters, marks without a letter under them."""
    return not any(map(_is_visible, text))


def has_letter(text: str) -> bool:
    return any(character.isalpha() and character not in _BLANKS for character in text)


# Signs that keyboards and typesetters write differently.
_SIGNS = str.maketrans(
    {**dict.fromkeys("‘’‚‛ʼ`´′", "'"), **dict.fromkeys("“”„‟″", '"'), **dict.fromkeys("‐‑‒–—―−", "-")}
)


def folded(text: str) -> str:
    """Return one spelling of all that look the same: composed, of one width, with single plain spaces and plain signs.

    Capitals and accents stay, since they can be seen. Takes quadratic time for endless marks over one letter.
    """
    seen = "".join(each for each in text if each.isspace() or not _is_unseen(each))
    return " ".join(unicodedata.normalize("NFKC", seen.translate(_SIGNS)).translate(_SIGNS).split())


def _is_unseen(character: str) -> bool:
    return unicodedata.category(character) in _UNSEEN or character in _BLANKS or bool(_SELECTOR.match(character))


def find_alike(name: str, names: Sequence[str]) -> str | None:
    """Return the one of `names` that is `name`, or else the first that looks like it; None if there is none."""
    if name in names:
        return name
    if len(name) > LOOSEST * max(map(len, names), default=0):
        return None
    wanted = folded(name)
    return next((each for each in names if folded(each) == wanted), None)


def script_of(letter: str) -> str:
    """Return the script of a letter as Unicode's names begin: "LATIN", "CYRILLIC"; "" if it has no name."""
    return unicodedata.name(letter, "").partition(" ")[0]


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    # What is unassigned here may be assigned where the text was written; noncharacters never will be.
    is_unknown = category == "Cn" and ord(character) & 0xFFFE != 0xFFFE and not 0xFDD0 <= ord(character) <= 0xFDEF
    return (category[0] in "LNPS" or category == "Co" or is_unknown) and character not in _BLANKS
