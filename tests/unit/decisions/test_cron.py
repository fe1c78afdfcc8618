"""Cron patterns: reading, time zones, changes of the clock, and what must hold of every pattern."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci_core.decisions.cron import Cron, CronError, next_run, parse, shortest_gap, time_zone

BERLIN = "Europe/Berlin"


def runs(pattern: str, zone: str, after: str, count: int = 1) -> list[str]:
    """The next runs, as local times with their offset."""
    at = datetime.fromisoformat(after)
    at = at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
    found = []
    for _ in range(count):
        at = next_run(parse(pattern), time_zone(zone), at)
        found.append(at.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M%z"))
    return found


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("* * * * *", "2026-05-13 10:08"),
        ("*/15 * * * *", "2026-05-13 10:15"),
        ("7/20 * * * *", "2026-05-13 10:27"),
        ("0 * * * *", "2026-05-13 11:00"),
        ("7 10 * * *", "2026-05-14 10:07"),
        ("0 9-17/4 * * *", "2026-05-13 13:00"),
        ("0 0 * * mon", "2026-05-18 00:00"),
        ("0 0 * * SUN", "2026-05-17 00:00"),
        ("0 0 * * 7", "2026-05-17 00:00"),
        ("0 0 * * sat-sun", "2026-05-16 00:00"),
        ("30 6 * * 5", "2026-05-15 06:30"),
        ("0 3 1,15 * *", "2026-05-15 03:00"),
        ("0 0 31 * *", "2026-05-31 00:00"),
        ("0 0 31 4-6 *", "2026-05-31 00:00"),
        ("0 0 29 feb *", "2028-02-29 00:00"),
        ("0 0 1 jan-mar/2 *", "2027-01-01 00:00"),
        # Both days restricted: either fits. One of them with a star: both must.
        ("0 0 20 * fri", "2026-05-15 00:00"),
        ("0 0 14 * fri", "2026-05-14 00:00"),
        ("0 0 */2 * fri", "2026-05-15 00:00"),
        ("0 0 30 2 mon", "2027-02-01 00:00"),
        ("@hourly", "2026-05-13 11:00"),
        ("@daily", "2026-05-14 00:00"),
        ("@midnight", "2026-05-14 00:00"),
        ("@weekly", "2026-05-17 00:00"),
        ("@monthly", "2026-06-01 00:00"),
        ("@Yearly", "2027-01-01 00:00"),
        ("  0   12 * * * ", "2026-05-13 12:00"),
    ],
)
def test_the_next_run(pattern: str, expected: str) -> None:
    assert runs(pattern, "UTC", "2026-05-13T10:07:00") == [f"{expected}+0000"]


def test_a_29th_of_february_over_a_year_that_is_no_leap_year() -> None:
    assert runs("0 0 29 2 *", "UTC", "2096-03-01T00:00:00") == ["2104-02-29 00:00+0000"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("61 * * * *", "minute 61 is not in 0-59"),
        ("* 24 * * *", "hour 24 is not in 0-23"),
        ("* * 0 * *", "day of the month 0 is not in 1-31"),
        ("* * * 13 *", "month 13 is not in 1-12"),
        ("* * * * 8", "day of the week 8 is not in 0-7"),
        ("* * *", "3 fields were given; a pattern has five"),
        ("0 0 * * * *", "6 fields were given"),
        ("", "0 fields were given"),
        ("0 0 30 2 *", "there is never a day 30 in month 2"),
        ("0 0 31 4,jun *", "there is never a day 31 in month 4,jun"),
        ("0 0 30-31 feb */2", "there is never a day 30-31 in month feb"),
        ("*/0 * * * *", "minute step 0"),
        ("*/90 * * * *", "minute step 90"),
        ("5-1 * * * *", "minute range '5-1' ends before it begins"),
        ("a * * * *", "minute 'a' is not understood"),
        ("-5 * * * *", "minute '-5' is not understood"),
        ("1,,2 * * * *", "minute '' is not understood"),
        ("* * L * *", "day of the month 'L' is not understood"),
        ("* * * foo *", "month 'foo' is not understood; write numbers 1-12 and names like jan"),
        ("* * * * mon#2", "day of the week 'mon#2' is not understood"),
        ("* * * * \u0663", "is not understood"),
        ("@reboot", "@reboot is not known; known are @yearly"),
        ("1," * 200 + "1 * * * *", "characters"),
    ],
)
def test_what_is_wrong_is_said(pattern: str, message: str) -> None:
    with pytest.raises(CronError) as caught:
        parse(pattern)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "europe/berlin "])
def test_an_unknown_time_zone(name: str) -> None:
    with pytest.raises(CronError, match="is not a time zone"):
        time_zone(name)


@pytest.mark.parametrize(
    ("pattern", "zone", "after", "expected"),
    [
        # Clocks go forward at 02:00: a time that is left out comes at the first moment after.
        (
            "30 2 * * *",
            BERLIN,
            "2026-03-28T12:00",
            ["2026-03-29 03:00+0200", "2026-03-30 02:30+0200"],
        ),
        (
            "*/20 2 * * *",
            BERLIN,
            "2026-03-29T00:00",
            ["2026-03-29 03:00+0200", "2026-03-30 02:00+0200"],
        ),
        (
            "15 2,3 * * *",
            BERLIN,
            "2026-03-29T00:00",
            ["2026-03-29 03:00+0200", "2026-03-29 03:15+0200"],
        ),
        # Patterns for every hour count time.
        (
            "*/30 * * * *",
            BERLIN,
            "2026-03-29T01:20",
            ["2026-03-29 01:30+0100", "2026-03-29 03:00+0200", "2026-03-29 03:30+0200"],
        ),
        (
            "45 * * * *",
            BERLIN,
            "2026-03-29T01:20",
            ["2026-03-29 01:45+0100", "2026-03-29 03:45+0200"],
        ),
        # Clocks go back at 03:00: a time that comes twice counts once.
        (
            "30 2 * * *",
            BERLIN,
            "2026-10-24T12:00",
            ["2026-10-25 02:30+0200", "2026-10-26 02:30+0100"],
        ),
        (
            "*/30 2,3 * * *",
            BERLIN,
            "2026-10-25T00:00",
            [
                "2026-10-25 02:00+0200",
                "2026-10-25 02:30+0200",
                "2026-10-25 03:00+0100",
                "2026-10-25 03:30+0100",
            ],
        ),
        (
            "0 * * * *",
            BERLIN,
            "2026-10-25T01:30",
            ["2026-10-25 02:00+0200", "2026-10-25 02:00+0100", "2026-10-25 03:00+0100"],
        ),
        (
            "30 2 * * *",
            "America/New_York",
            "2026-03-07T12:00",
            ["2026-03-08 03:00-0400", "2026-03-09 02:30-0400"],
        ),
        (
            "30 1 * * *",
            "America/New_York",
            "2026-10-31T12:00",
            ["2026-11-01 01:30-0400", "2026-11-02 01:30-0500"],
        ),
        # Midnight left out (Cairo), half an hour (Lord Howe), a whole day (Apia).
        ("0 0 * * *", "Africa/Cairo", "2026-04-23T12:00", ["2026-04-24 01:00+0300", "2026-04-25 00:00+0300"]),
        ("10 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00", ["2026-10-04 02:30+1100"]),
        (
            "45 1 * * *",
            "Australia/Lord_Howe",
            "2026-04-04T12:00",
            ["2026-04-05 01:45+1100", "2026-04-06 01:45+1030"],
        ),
        (
            "0 10 * * *",
            "Pacific/Apia",
            "2011-12-29T12:00",
            ["2011-12-31 00:00+1400", "2011-12-31 10:00+1400"],
        ),
        ("0 9 * * *", "Asia/Kathmandu", "2026-01-01T12:00", ["2026-01-02 09:00+0545"]),
    ],
)
def test_changes_of_the_clock(pattern: str, zone: str, after: str, expected: list[str]) -> None:
    assert runs(pattern, zone, after, len(expected)) == expected


def test_the_second_time_of_a_repeated_hour_is_over() -> None:
    """Asked during the repetition, the time that was due before it does not come back."""
    assert runs("30 2 * * *", BERLIN, "2026-10-25T02:10+01:00") == ["2026-10-26 02:30+0100"]


@pytest.mark.parametrize(
    ("pattern", "minutes"),
    [
        ("* * * * *", 1),
        ("*/20 * * * *", 20),
        ("0,50 * * * *", 10),
        ("0 0 * * *", 1440),
        ("0,59 0,23 * * *", 1),
        ("5 0,23 * * *", 65 - 5),
        ("5 0,23 * * mon", 23 * 60),
        ("0 0 1 1 *", 1440),
        ("59 23,0 31 1 *", 23 * 60),
    ],
)
def test_the_shortest_gap(pattern: str, minutes: int) -> None:
    assert shortest_gap(parse(pattern)) == timedelta(minutes=minutes)


def field(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    spans = st.tuples(number, number).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(st.one_of(spans, st.just("*")), st.integers(1, high)).map(
        lambda pair: f"{pair[0]}/{pair[1]}"
    )
    item = st.one_of(number.map(str), spans, steps)
    return st.one_of(st.just("*"), st.lists(item, min_size=1, max_size=3).map(",".join))


PATTERNS = st.tuples(field(0, 59), field(0, 23), field(1, 28), field(1, 12), field(0, 7)).map(" ".join)
ZONES = st.sampled_from(
    [BERLIN, "UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Havana"]
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(deadline=None, max_examples=150)
@given(PATTERNS, ZONES, MOMENTS)
def test_a_next_run_lies_ahead_fits_and_leaves_nothing_out(pattern: str, name: str, after: datetime) -> None:
    cron, zone = parse(pattern), time_zone(name)
    found = next_run(cron, zone, after)
    assert found > after
    assert next_run(cron, zone, found - timedelta(microseconds=1)) == found
    assert next_run(cron, zone, after + (found - after) / 2) == found
    assert next_run(cron, zone, found) > found
    local = found.astimezone(zone)
    before = (found - timedelta(minutes=1)).astimezone(zone)
    if local.utcoffset() == before.utcoffset():  # else it may stand for a time that was left out
        assert local.minute in cron.minutes
        assert local.hour in cron.hours
        assert cron.fits(local.date())


@settings(deadline=None, max_examples=60)
@given(PATTERNS, ZONES, MOMENTS, st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_later_question_never_has_an_earlier_answer(
    pattern: str, name: str, after: datetime, later: timedelta
) -> None:
    cron, zone = parse(pattern), time_zone(name)
    assert next_run(cron, zone, after) <= next_run(cron, zone, after + later)


def minute_by_minute(cron: Cron, zone: ZoneInfo, start: datetime, minutes: int) -> list[datetime]:
    """When the pattern is due, found by looking at the clock on the wall every minute."""
    due = []
    before = (start - timedelta(minutes=1)).astimezone(zone).replace(tzinfo=None, fold=0)
    for number in range(minutes):
        moment = start + timedelta(minutes=number)
        local = moment.astimezone(zone)
        wall = local.replace(tzinfo=None, fold=0)
        shown = [wall]
        if not cron.every_hour:  # the clock jumps: what it leaves out counts, what it shows again does not
            shown = (
                []
                if local.fold
                else [
                    before + timedelta(minutes=n)
                    for n in range(1, (wall - before) // timedelta(minutes=1) + 1)
                ]
            )
        if any(at.minute in cron.minutes and at.hour in cron.hours and cron.fits(at.date()) for at in shown):
            due.append(moment)
        before = wall
    return due


CHANGES = st.sampled_from(
    [
        (BERLIN, datetime(2026, 3, 28, tzinfo=UTC)),
        (BERLIN, datetime(2026, 10, 24, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 3, 7, 12, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 10, 31, 12, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),
        ("Australia/Lord_Howe", datetime(2026, 10, 3, tzinfo=UTC)),
        ("Africa/Cairo", datetime(2026, 10, 29, tzinfo=UTC)),
        ("Pacific/Apia", datetime(2011, 12, 29, tzinfo=UTC)),
        ("UTC", datetime(2028, 2, 28, tzinfo=UTC)),
    ]
)
HOURS = st.one_of(field(0, 3), field(22, 23), field(0, 23))
TIMES = st.tuples(field(0, 59), HOURS, st.just("*"), st.just("*"), st.sampled_from(["*", "*", "0,6", "1-4"]))


@settings(deadline=None, max_examples=60)
@given(TIMES.map(" ".join), CHANGES)
def test_it_is_what_a_look_at_the_clock_every_minute_finds(
    pattern: str, change: tuple[str, datetime]
) -> None:
    name, start = change
    cron, zone = parse(pattern), time_zone(name)
    minutes = 2 * 24 * 60
    expected = minute_by_minute(cron, zone, start, minutes)
    found, at = [], start - timedelta(seconds=1)
    while (at := next_run(cron, zone, at)) < start + timedelta(minutes=minutes):
        found.append(at)
    assert found == expected


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text)
    except CronError as error:
        assert str(error)
