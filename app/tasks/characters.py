"""What a person sees of a text: whether anything, and whether two texts look the same. Knows nothing of tasks."""

import unicodedata

# Letters and symbols whose glyph is blank: fillers of Hangul, the Braille pattern without dots, a null notehead.
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0\U0001d159")


def is_blank(text: str) -> bool:
    """Whether nothing of it can be seen: spaces, control and format characters, marks without a letter under them."""
    return not any(map(_is_visible, text))


def has_letter(text: str) -> bool:
    return any(character.isalpha() and character not in _BLANKS for character in text)


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    # What is unassigned here may be assigned where the text was written; noncharacters never will be.
    is_unknown = category == "Cn" and ord(character) & 0xFFFE != 0xFFFE and not 0xFDD0 <= ord(character) <= 0xFDEF
    return (category[0] in "LNPS" or category == "Co" or is_unknown) and character not in _BLANKS
