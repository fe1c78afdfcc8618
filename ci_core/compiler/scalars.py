"""Owns what a plain YAML scalar means: null, boolean, number or text, by the rules of YAML 1.1."""

from __future__ import annotations

import re

from ci_core.compiler.tree import Scalar

_WORDS: dict[str, bool | None] = {"": None, "~": None}
for _word, _value in (
    ("null", None),
    ("true", True),
    ("yes", True),
    ("on", True),
    ("false", False),
    ("no", False),
    ("off", False),
):
    for _form in (_word, _word.capitalize(), _word.upper()):
        _WORDS[_form] = _value

_INT = re.compile(
    r"[-+]?(?:0b[01_]+|0[0-7_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*(?::[0-5]?[0-9])*)",
    re.ASCII,
)
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?|\.[0-9_]+(?:[eE][-+]?[0-9]+)?|[0-9][0-9_]*[eE][-+]?[0-9]+)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    re.ASCII,
)
_STARTS = frozenset("~nNtTfFyYoO+-.0123456789")
_MAX_DIGITS = 300


def resolve_plain(text: str) -> Scalar:
    """The value of a scalar written without quotes. Dates stay text."""
    if text and text[0] not in _STARTS:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _MAX_DIGITS or text[0] not in "+-.0123456789":
        return text
    if _INT.fullmatch(text):
        number = _integer(text.replace("_", ""))
        return text if number is None else number
    if _FLOAT.fullmatch(text):
        real = _float(text.replace("_", ""))
        return text if real is None else real
    return text


def _integer(text: str) -> int | None:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    if digits.startswith(("0b", "0x")):
        body = digits[2:]
        return sign * int(body, 2 if digits[1] == "b" else 16) if body else None
    if ":" in digits:
        total = 0
        for part in digits.split(":"):
            total = total * 60 + int(part)
        return sign * total
    if len(digits) > 1 and digits[0] == "0":
        return sign * int(digits, 8)
    return sign * int(digits)


def _float(text: str) -> float | None:
    lowered = text.lower()
    try:
        return float(lowered.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        return None


def scalar_text(value: Scalar) -> str:
    """The text of a scalar as the value of a variable."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)
