"""Titles as people write them: with or without the year, the article in front or behind, in any case."""

import re
import unicodedata

from app.tasks.characters import folded

_YEAR = re.compile(r" \(\d{4}\)$")
# Catalogues file an article behind its title: "Terminator, The (1984)", "Tin Drum, The (Blechtrommel, Die) (1979)".
_ARTICLE = re.compile(r"^(.+), (The|An?|L[aeo]s?|L'|Il|El|I|D[ei]r|Die|Das|Det|O)( \(.*)?$")


def without_year(title: str) -> str:
    return _YEAR.sub("", title)


def natural_order(title: str) -> str:
    """Return the title with its article in front, as it is spoken."""
    match = _ARTICLE.match(title)
    if not match:
        return title
    name, article, rest = match.groups(default="")
    return f"{article}{'' if article.endswith(chr(39)) else ' '}{name}{rest}"


def natural_order_without_year(title: str) -> str:
    return natural_order(without_year(title))


def plain_name(title: str) -> str:
    """Return the title as it is compared with others: no year, no article, no capitals."""
    return re.sub(r"^(the|an?) ", "", natural_order_without_year(folded(title)).casefold())


def words_of_title(text: str) -> list[str]:
    """Return its words without capitals and accents: "Amélie" is found by "amelie"."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"\w+", "".join(char for char in plain if not unicodedata.combining(char)))
