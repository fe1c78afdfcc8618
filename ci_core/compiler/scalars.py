"""Owns what a plain YAML scalar means: null, boolean, number or text, as Ruby's Psych reads it for GitLab."""

from __future__ import annotations

import re

from ci_core.compiler.tree import Scalar

# Source of all rules: Psych 5, lib/psych/scalar_scanner.rb, which GitLab reads its configuration with.
# They differ from YAML 1.1: a number with an exponent needs a point and the exponent a sign, commas may stand in
# numbers, and `1:30` counts hours and minutes in seconds.
_NULL = re.compile(r"^null$", re.IGNORECASE | re.MULTILINE)
_TRUE = re.compile(r"^(?:yes|true|on)$", re.IGNORECASE | re.MULTILINE)
_FALSE = re.compile(r"^(?:no|false|off)$", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"[^\d.:-]?[A-Za-z_\s!@#$%^&*(){}<>|/\\~;=]+", re.ASCII)
_OTHER_START = re.compile(r"^[^ytonf~]", re.IGNORECASE | re.MULTILINE)
_LONGEST_WORD = 5
_DATE = re.compile(r"\d{4}-(?:1[012]|0\d|\d)-(?:[12]\d|3[01]|0\d|\d)", re.ASCII)
_TIME = re.compile(
    r"-?\d{4}-\d{1,2}-\d{1,2}(?:[Tt]|\s+)\d{1,2}:\d\d:\d\d(?:\.\d*)?(?:\s*(?:Z|[-+]\d{1,2}:?(?:\d\d)?))?",
    re.ASCII,
)
_INFINITY = re.compile(r"([-+]?)\.inf", re.IGNORECASE)
_QUOTED_SYMBOL = re.compile(r""":(["'])(.*)\1""")
_CLOCK = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9]){1,2}(\.[0-9_]*)?", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_,]*)?\.[0-9]*(?:[eE][-+][0-9]+)?", re.ASCII)
_INT = re.compile(
    r"[-+]?(?:0b[01_,]+|0[0-7_,]+|0x[0-9a-fA-F_,]+|0|[1-9](?:[0-9]|,[0-9]|_[0-9])*)",
    re.ASCII,
)
_LEADING = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*(?:\.[0-9]+(?:_[0-9]+)*)?", re.ASCII)
_POINT = re.compile(r"\.(?=[eE]|$)")
_STARTS = frozenset("~nNtTfFyYoO+-.:0123456789")
# Beyond this Python is slow to make a number, and nobody means one.
_MAX_DIGITS = 300


def resolve_plain(text: str) -> Scalar:
    """The value of a scalar written without quotes. Dates come out as text: see `is_date`.

    Source: Psych, lib/psych/scalar_scanner.rb, tokenize
    """
    if not text:
        return None
    if text[0] not in _STARTS or len(text) > _MAX_DIGITS:
        return text
    if "\n" in text or _WORD.match(text):
        return _word(text)
    if text[0] == ":":
        return symbol_text(text)
    if text.lower() == ".nan":
        return float("nan")
    infinity = _INFINITY.fullmatch(text)
    if infinity:
        return float(f"{infinity[1]}inf")
    return text if is_date(text) else _number(text)


def is_date(text: str) -> bool:
    """Whether a plain scalar is a date or a time, which GitLab refuses: it loads no class but text and numbers.

    Source: GitLab, lib/gitlab/config/loader/yaml.rb (permitted classes)
    """
    return text[:1] in "-0123456789" and (_DATE.fullmatch(text) or _TIME.fullmatch(text)) is not None


def symbol_text(text: str) -> str:
    """The text of a Ruby symbol, which a plain scalar with a colon in front is: `:name` or `:"a name"`."""
    if len(text) < 2 or text[0] != ":":
        return text
    quoted = _QUOTED_SYMBOL.match(text)
    return quoted[2].removeprefix(":") if quoted else text[1:]


def _word(text: str) -> Scalar:
    if len(text) > _LONGEST_WORD or _OTHER_START.search(text):
        return text
    if text == "~" or _NULL.search(text):
        return None
    if _TRUE.search(text):
        return True
    return False if _FALSE.search(text) else text


def _number(text: str) -> Scalar:
    clock = _CLOCK.fullmatch(text)
    if clock:
        return _clock(text, real=clock[1] is not None)
    try:
        if _FLOAT.fullmatch(text):
            return text if text.lstrip("+-") == "." else float(_POINT.sub("", _bare(text)))
        return _integer(_bare(text)) if _INT.fullmatch(text) else text
    except ValueError:  # nothing but signs, such as 0x_ or .e+1
        return text


def _bare(text: str) -> str:
    return text.replace(",", "").replace("_", "")


def _integer(text: str) -> int:
    sign = -1 if text[0] == "-" else 1
    digits = text.lstrip("+-")
    if digits[:2] in ("0b", "0x"):
        return sign * int(digits[2:], 2 if digits[1] == "b" else 16)
    return sign * int(digits, 8 if digits[0] == "0" else 10)


def _clock(text: str, *, real: bool) -> int | float:
    """`hours:minutes` or `hours:minutes:seconds` in seconds; the sign belongs to the hours alone."""
    total: int | float = 0
    for index, part in enumerate(text.split(":")):
        leading = _LEADING.match(part)
        digits = _bare(leading.group()) if leading else "0"
        total += (float(digits) if real else int(digits)) * 60 ** abs(index - 2)
    return total


def scalar_text(value: Scalar) -> str:
    """The text of a scalar as the value of a variable, as Ruby writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float_text(value)
    return "" if value is None else str(value)


def _float_text(value: float) -> str:
    """Ruby writes 1.0e+16 and Infinity where Python writes 1e+16 and inf."""
    text = repr(value)
    if text in _NOT_FINITE:
        return _NOT_FINITE[text]
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if mark and "." not in mantissa else text


_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}
