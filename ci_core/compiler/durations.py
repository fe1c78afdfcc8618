"""Owns reading spans of time as people write them: `1 hour 30 minutes`, `2h`, `90`, `never`."""

from __future__ import annotations

import re

_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_557_600,
}
_NAMES = {
    "second": "s sec secs second seconds",
    "minute": "m min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "d day days",
    "week": "w wk wks week weeks",
    "month": "mo mos mon mons month months",
    "year": "y yr yrs year years",
}
_UNITS = {name: _SECONDS[unit] for unit, names in _NAMES.items() for name in names.split()}
_WORDS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", re.ASCII)
_CLOCK = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5}):([0-9]{1,5})", re.ASCII)
_LONGEST = 100 * _SECONDS["year"]


def parse_duration(text: str) -> int | None:
    """The seconds of a duration, or None when it cannot be read or is absurdly long.

    A number without a unit counts seconds. Months have 30 days.
    Source: docs.gitlab.com/ci/yaml/#timeout, docs.gitlab.com/ci/yaml/#artifactsexpire_in
    """
    if len(text) > 200:
        return None
    words = text.strip().lower().replace(",", " ")
    clock = _CLOCK.fullmatch(words)
    if clock:
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return _bounded(hours * 3600 + minutes * 60 + seconds)
    for word, number in _WORDS.items():
        words = re.sub(rf"\b{word}\b", str(number), words)
    words = re.sub(r"\band\b", " ", words).strip()
    total, end, found = 0.0, 0, False
    for match in _PART.finditer(words):
        if words[end : match.start()].strip():
            return None
        unit = _UNITS.get(match[2]) if match[2] else 1
        if unit is None:
            return None
        total += float(match[1]) * unit
        end, found = match.end(), True
    if not found or words[end:].strip():
        return None
    return _bounded(total)


def _bounded(seconds: float) -> int | None:
    return int(seconds) if seconds <= _LONGEST else None
