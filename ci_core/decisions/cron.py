"""Cron patterns: what they mean, what is wrong with them, and when they are next due in a time zone.

Five fields as in crontab(5), which https://docs.gitlab.com/topics/cron/ refers to: minute, hour, day of the month,
month, day of the week; each with numbers, names, ranges, lists and steps; or `@daily` and its like.
"""

from __future__ import annotations

import calendar
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

_MONTHS: Final = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_DAYS: Final = {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
_LONGEST: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
#: Longest pattern that is read; what fits the database's column.
MAX_LENGTH: Final = 255
#: Months that are searched: a 29th of February may be eight years away.
_HORIZON: Final = 12 * 9
_DAY: Final = 24 * 60


class CronError(ValueError):
    """A pattern or a time zone that cannot be used; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class _Field:
    """One of the five fields. names: words that stand for numbers."""

    what: str
    low: int
    high: int
    names: Mapping[str, int]


_FIELDS: Final = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of the week", 0, 7, _DAYS),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """A pattern that has been read. weekdays: 0 is Sunday.

    any_day, any_weekday: the field begins with `*`. When neither does, a date that fits either fits (crontab(5)).
    """

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    @property
    def every_hour(self) -> bool:
        """Whether the pattern counts time rather than names hours of the clock."""
        return len(self.hours) == 24

    def fits(self, day: date) -> bool:
        """Whether the pattern is due at some time of this date."""
        if day.month not in self.months:
            return False
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday


@lru_cache(maxsize=1024)
def parse(pattern: str) -> Cron:
    """Reads a pattern. Raises CronError, whose message names the field."""
    text = pattern.strip()
    if len(text) > MAX_LENGTH:
        raise CronError(f"the pattern has {len(text)} characters; {MAX_LENGTH} are the most")
    if text.startswith("@"):
        if text.lower() not in _ALIASES:
            raise CronError(f"{text} is not known; known are {', '.join(_ALIASES)}")
        text = _ALIASES[text.lower()]
    parts = text.split()
    if len(parts) != len(_FIELDS):
        names = ", ".join(field.what for field in _FIELDS)
        raise CronError(f"{len(parts)} fields were given; a pattern has five, separated by spaces: {names}")
    minutes, hours, days, months, weekdays = (
        _values(part, field) for part, field in zip(parts, _FIELDS, strict=True)
    )
    cron = Cron(
        minutes=tuple(sorted(minutes)),
        hours=tuple(sorted(hours)),
        days=days,
        months=months,
        weekdays=frozenset(day % 7 for day in weekdays),
        any_day=parts[2].startswith("*"),
        any_weekday=parts[4].startswith("*"),
    )
    _refuse_impossible(cron, parts[2], parts[3])
    return cron


def _values(text: str, field: _Field) -> frozenset[int]:
    values: set[int] = set()
    for item in text.split(","):
        values.update(_item(item, field))
    return frozenset(values)


def _item(item: str, field: _Field) -> range:
    """The numbers of `*`, `4`, `mon`, `2-5`, `2-5/2`, `*/5` or `10/5` (from 10 on, every 5)."""
    span, slash, step_text = item.partition("/")
    step = 1
    if slash:
        step = _plain_number(step_text, item, field)
        if not 1 <= step <= field.high:
            raise CronError(f"{field.what} step {step} in {item!r} is not in 1-{field.high}")
    if span == "*":
        return range(field.low, min(field.high, 6 if field.names is _DAYS else field.high) + 1, step)
    first_text, dash, last_text = span.partition("-")
    first = _number(first_text, item, field)
    if dash:
        last = _number(last_text, item, field)
        if field.names is _DAYS and last == 0 < first:
            last = 7
    else:
        last = field.high if slash else first
    if last < first:
        raise CronError(
            f"{field.what} range {span!r} ends before it begins; write two ranges, separated by a comma"
        )
    return range(first, last + 1, step)


def _number(text: str, item: str, field: _Field) -> int:
    named = field.names.get(text.lower())
    if named is not None:
        return named
    number = _plain_number(text, item, field)
    if not field.low <= number <= field.high:
        raise CronError(f"{field.what} {number} is not in {field.low}-{field.high}")
    return number


def _plain_number(text: str, item: str, field: _Field) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        names = f" and names like {next(iter(field.names))}" if field.names else ""
        raise CronError(
            f"{field.what} {item!r} is not understood; write numbers {field.low}-{field.high}{names}, "
            "ranges (1-5), lists (1,3) and steps (*/2)"
        )
    return int(text)


def _refuse_impossible(cron: Cron, days: str, months: str) -> None:
    """Refuses days that none of the months has; but where weekdays are an alternative they still make dates."""
    if not cron.any_day and not cron.any_weekday:
        return
    if min(cron.days) > max(_LONGEST[month - 1] for month in cron.months):
        raise CronError(f"there is never a day {days} in month {months}: the pattern would never be due")


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def time_zone(name: str) -> ZoneInfo:
    """The IANA time zone of this name. Raises CronError."""
    if name not in _zones():
        raise CronError(f"{name!r} is not a time zone; write one like Europe/Berlin, or UTC")
    return ZoneInfo(name)


def next_run(cron: Cron, zone: ZoneInfo, after: datetime) -> datetime:
    """The first moment after `after` (aware) at which the pattern is due in the zone; in UTC.

    When clocks go forward, a time that is left out is due at the first moment after the gap, once. When they go back, a
    time that comes twice is due the first time. Patterns for every hour count time instead: nothing is left out.
    """
    # A day early: where a whole day is left out, its times are due at the beginning of the next.
    first_day = after.astimezone(zone).date() - timedelta(days=1)
    for day in _dates(cron, first_day):
        moments = _moments(cron, zone, day)
        place = bisect_right(moments, after)
        if place < len(moments):
            return moments[place]
    raise CronError("the pattern is not due in the next nine years")


def _dates(cron: Cron, first: date) -> Iterator[date]:
    year, month = first.year, first.month
    for _ in range(_HORIZON):
        if month in cron.months:
            for number in range(1, calendar.monthrange(year, month)[1] + 1):
                day = date(year, month, number)
                if day >= first and cron.fits(day):
                    yield day
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)


@lru_cache(maxsize=256)
def _moments(cron: Cron, zone: ZoneInfo, day: date) -> Sequence[datetime]:
    """All moments of a date at which the pattern is due, in UTC, ascending."""
    walls = [datetime.combine(day, time(hour, minute)) for hour in cron.hours for minute in cron.minutes]
    ends = [datetime.combine(day, at, zone) for at in (time(0), time(12), time(23, 59, 59))]
    offsets = {end.replace(fold=fold).utcoffset() for end in ends for fold in (0, 1)}
    if len(offsets) == 1:
        offset = ends[0].utcoffset() or timedelta()
        return [(wall - offset).replace(tzinfo=UTC) for wall in walls]
    found: set[datetime] = set()
    for wall in walls:
        found.update(_on_change(wall, zone, cron.every_hour))
    return sorted(found)


def _on_change(wall: datetime, zone: ZoneInfo, every_hour: bool) -> list[datetime]:
    """The moments of a time of the clock on a day on which the clock is changed."""
    early = wall.replace(tzinfo=zone)
    moment = early.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != wall:
        return [] if every_hour else [_gap_end(early, zone)]
    later = early.replace(fold=1).astimezone(UTC)
    return [moment, later] if every_hour and later != moment else [moment]


def _gap_end(missing: datetime, zone: ZoneInfo) -> datetime:
    """The moment of the change that leaves out this time of the clock."""
    before = missing.replace(fold=1).astimezone(UTC)  # taken with the later offset: before the change
    after = missing.replace(fold=0).astimezone(UTC)
    offset = after.astimezone(zone).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = (before + (after - before) / 2).replace(microsecond=0)
        if middle.astimezone(zone).utcoffset() == offset:
            after = middle
        else:
            before = middle
    return after


@lru_cache(maxsize=1024)
def shortest_gap(cron: Cron) -> timedelta:
    """The shortest time between two moments at which the pattern is due; what a limit on frequency compares with."""
    times = [hour * 60 + minute for hour in cron.hours for minute in cron.minutes]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    over_midnight = _DAY - times[-1] + times[0]
    if not gaps or over_midnight < min(gaps):
        gaps.extend([over_midnight] if _has_days_in_a_row(cron) else [_DAY])
    return timedelta(minutes=min(gaps))


def _has_days_in_a_row(cron: Cron) -> bool:
    days = [date(2024, 1, 1) + timedelta(days=number) for number in range(2 * 366)]
    fitting = [cron.fits(day) for day in days]
    return any(today and tomorrow for today, tomorrow in pairwise(fitting))
