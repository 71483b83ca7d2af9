"""Addresses and numbers by which a person is known, taken out of texts. It finds what has their form, and no names."""

import re
from typing import Any

EMAIL = re.compile(r"[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
DIGITS = re.compile(r"(?<![\w.,])(?:\+|00)?\(?\d(?:[ ()./-]{0,2}\d){6,18}(?!\w)")
MASKED_EMAIL, MASKED_CARD, MASKED_PHONE = "<e-mail>", "<card>", "<phone>"
CARD_DIGITS = range(13, 20)  # ISO/IEC 7812
PHONE_DIGITS = range(7, 16)  # E.164, and the shortest that somebody writes down
DATE = re.compile(r"\d{4}[-/.]\d\d[-/.]\d\d(?:[ T]\d\d?)?|\d\d[-/.]\d\d[-/.]\d{4}")

DECIMAL = re.compile(r"\d+\.\d+")


def masked(value: Any) -> Any:
    """Return a value of JSON with e-mail addresses, card and telephone numbers in its texts replaced by their kind.

    Names of fields stay.
    """
    if isinstance(value, str):
        return DIGITS.sub(_number, EMAIL.sub(MASKED_EMAIL, value))
    if isinstance(value, list):
        return [masked(one) for one in value]
    if isinstance(value, dict):
        return {name: masked(one) for name, one in value.items()}
    return value


def _number(found: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    if len(digits) in CARD_DIGITS and _has_check_digit(digits):
        return MASKED_CARD
    is_phone = len(digits) in PHONE_DIGITS and not DATE.fullmatch(found[0]) and not DECIMAL.fullmatch(found[0])
    return MASKED_PHONE if is_phone else found[0]


def _has_check_digit(digits: str) -> bool:
    """Whether the last digit is the one of Luhn (ISO/IEC 7812-1, annex B)."""
    doubled = [sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2]]
    return (sum(doubled) + sum(map(int, digits[-1::-2]))) % 10 == 0
