"""Owns reading spans of time as people write them: `1 hour 30 minutes`, `2h`, `90`, `1:30:00`."""

from __future__ import annotations

import re
from typing import Final

_SECONDS: Final = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_557_600,
}
_NAMES: Final = {
    "second": "s sec secs second seconds",
    "minute": "m min mins minute minutes",
    "hour": "h hr hrs hour hours",
    "day": "d dy day days",
    "week": "w wk wks week weeks",
    "month": "mo mos month months",
    "year": "y yr yrs year years",
}
_UNITS: Final = {name: _SECONDS[unit] for unit, names in _NAMES.items() for name in names.split()}
_SMALL: Final = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
_TENS: Final = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORDS: Final = {
    "a": 1,
    "an": 1,
    **{word: number for number, word in enumerate(_SMALL)},
    **{word: 10 * number for number, word in enumerate(_TENS, 2)},
    **{
        f"{ten}-{one}": 10 * tens + ones
        for tens, ten in enumerate(_TENS, 2)
        for ones, one in enumerate(_SMALL[1:10], 1)
    },
}
_JOINTS: Final = frozenset({"and", "with", "plus"})
_NUMBER: Final = re.compile(r"[0-9]*\.?[0-9]+", re.ASCII)
_CLOCK: Final = re.compile(r"[0-9]+(?::[0-9]+){1,5}(?:\.[0-9]*)?", re.ASCII)
_CLOCK_UNITS: Final = ("second", "minute", "hour", "day", "month", "year")
_LONGEST: Final = 100 * _SECONDS["year"]
_MAX_LENGTH: Final = 200


def parse_duration(text: str) -> int | None:
    """The seconds of a duration, or None when it cannot be read, comes to nothing or is absurdly long.

    A number without a unit counts seconds if nothing follows it, and a unit in front counts once. Months have 30 days.
    Source: docs.gitlab.com/ci/yaml/#timeout, docs.gitlab.com/ci/yaml/#artifactsexpire_in; the gem
    gitlab-chronic-duration, which GitLab reads durations with, for the rules
    """
    if len(text) > _MAX_LENGTH:
        return None
    seconds = _clock(text) if ":" in text else _words(text)
    return int(seconds) if seconds and 1 <= seconds <= _LONGEST else None


def _clock(text: str) -> float | None:
    """`minutes:seconds`, and more in front: hours, days, months, years."""
    bare = text.replace(" ", "")
    if not _CLOCK.fullmatch(bare):
        return None
    parts = reversed(bare.split(":"))
    return sum(float(part) * _SECONDS[unit] for part, unit in zip(parts, _CLOCK_UNITS, strict=False))


def _words(text: str) -> float | None:
    """Numbers with their units. A number that another number follows has no unit and counts for nothing."""
    found: list[tuple[float | None, int]] = []
    for word in _NUMBER.sub(r" \g<0> ", text.lower()).split():
        bare = word.removeprefix(",").removesuffix(",")
        if _NUMBER.fullmatch(word):
            found.append((float(word), 0))
        elif bare in _WORDS:
            found.append((_WORDS[bare], 0))
        elif bare in _UNITS:
            found.append((None, _UNITS[bare]))
        elif bare not in _JOINTS:
            return None
    if found and found[0][0] is None:
        found.insert(0, (1, 0))
    total = 0.0
    for place, (number, _) in enumerate(found, 1):
        if number is not None:
            total += number * (found[place][1] if place < len(found) else 1)
    return total
