"""Numbers, dates and amounts of an English text in one form: 1,000 and a thousand, 12% and 12 percent are one."""

import re
from decimal import Decimal

_SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_WORDS = {
    **{word: number for number, word in enumerate(_SMALL.split())},
    **{word: 10 * tens for tens, word in enumerate(_TENS.split(), 2)},
    "dozen": 12,
}
_SCALES = {
    "hundred": 100,
    "thousand": 1_000, "k": 1_000,
    "million": 10**6, "mln": 10**6, "m": 10**6, "mn": 10**6,
    "billion": 10**9, "bln": 10**9, "bn": 10**9, "b": 10**9,
    "trillion": 10**12, "tln": 10**12, "trn": 10**12,
}  # fmt: skip
_SCALES |= {f"{word}s": value for word, value in _SCALES.items() if word in ("mln", "bln", "tln")}
_UNITS = {
    "%": "%", "percent": "%", "pct": "%",
    "$": "$", "dollar": "$", "dollars": "$", "dlr": "$", "dlrs": "$", "usd": "$",
    "€": "€", "euro": "€", "euros": "€", "eur": "€",
    "£": "£", "pound": "£", "pounds": "£", "stg": "£", "sterling": "£", "gbp": "£",
    "¥": "¥", "yen": "¥",
}  # fmt: skip

_WORD = "|".join(_WORDS)
_TEN = "|".join(_TENS.split())
_SCALE = "|".join(sorted(_SCALES, key=len, reverse=True))
_UNIT = "|".join(map(re.escape, sorted(_UNITS, key=len, reverse=True)))
_QUANTITY = re.compile(
    rf"(?P<sign>[$€£¥])?\s?"
    rf"(?:(?<![\w.,])(?P<time>\d{{1,2}}:\d{{2}}|\d+/\d+)(?!\d)"
    rf"|(?<!\w)(?P<digits>\d[\d,.\u00a0\u202f]*\d|\d)(?P<decade>s\b)?"
    rf"|\b(?P<words>(?:{_TEN})[\s-](?:{_WORD})|{_WORD}|a(?=\s(?:hundred|thousand|[mbtr]+illion)\b))\b)"
    rf"(?:[\s-]?(?P<scale>(?:{_SCALE})(?:\s(?:{_SCALE}))?)\b)?"
    rf"(?:[\s-]?(?P<per>per\scent\b|(?:{_UNIT})(?![^\W\d_])))?",
    re.IGNORECASE,
)


def quantities(text: str) -> frozenset[str]:
    """Every reading of every quantity in a text, as "number" and as "number unit"."""
    return frozenset(form for readings in _found(text) for form in readings[1])


def quantities_of(text: str) -> list[str]:
    """The quantities of a text as they are written."""
    return [written for written, _ in _found(text)]


def unsupported_quantities(text: str, known: frozenset[str]) -> list[str]:
    """The quantities of a text, as they are written, of which no reading is among the `known`."""
    return [written for written, readings in _found(text) if not known.intersection(_claimed(readings))]


def _claimed(readings: list[str]) -> list[str]:
    """With its unit, if it has one: 12 does not support 12 percent."""
    with_unit = [one for one in readings if " " in one]
    return with_unit or readings


def _found(text: str) -> list[tuple[str, list[str]]]:
    """Each quantity as it is written, with its readings."""
    found = []
    for match in _QUANTITY.finditer(text):
        scale, spoken = match["scale"], match["words"]
        if match["time"]:
            found.append((match.group().strip(), [match["time"]]))
            continue
        values = [Decimal(_spoken(spoken))] if spoken else _written(match["digits"])
        factor = 1
        for word in (scale or "").casefold().split():
            factor *= _SCALES[word]
        unit = _unit(match["sign"], match["per"])
        numbers = [f"{(value * factor).normalize():f}" for value in values]
        found.append((match.group().strip(), [*numbers, *(f"{number} {unit}" for number in numbers if unit)]))
    return found


def _unit(sign: str | None, word: str | None) -> str:
    if sign:
        return sign
    return "%" if word and word.casefold().startswith("per") else _UNITS.get((word or "").casefold(), "")


def _spoken(text: str) -> int:
    """twenty-one, or twelve; the "a" of "a thousand" is 1."""
    return sum(_WORDS.get(word, 1) for word in re.split(r"[\s-]", text.casefold()))


def _written(digits: str) -> list[Decimal]:
    """Return 1000 for 1,000, 1.5 for 1.5 and 1,5, and both 1 and 1000 for 1.000, which is one or the other."""
    plain = re.sub("[\u00a0\u202f]", "", digits)
    readings = []
    if re.fullmatch(r"\d+(?:\.\d+)?", plain):
        readings.append(plain)
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", plain):
        readings.append(plain.replace(",", ""))
    elif re.fullmatch(r"\d+,\d+", plain):
        readings.append(plain.replace(",", "."))
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", plain):
        readings.append(plain.replace(".", "").replace(",", "."))
    return [Decimal(one) for one in readings] or [Decimal(re.sub(r"\D", "", plain))]
