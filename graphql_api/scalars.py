"""Owns the custom scalars that are no ids: Time, Date, Duration, BigInt, and the values of inputs."""

from __future__ import annotations

from datetime import UTC, date, datetime
from types import NoneType
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

Time = NewType("Time", datetime)
Date = NewType("Date", date)
Duration = NewType("Duration", float)
BigInt = NewType("BigInt", int)
CiInputsValueInputType = NewType("CiInputsValueInputType", object)


def _time_out(value: datetime) -> str:
    utc = value if value.tzinfo is UTC else value.astimezone(UTC)
    return f"{utc.isoformat()[:-6]}Z"


def _times_out(values: list[datetime | None]) -> list[datetime | None] | None:
    """A column of moments as they are, for `encoding.encode` to write; None if not all of them are moments in UTC.

    orjson writes a moment in a twentieth of the time of `isoformat`, and in the same way.
    """
    if not {datetime, NoneType}.issuperset(map(type, values)):
        return None
    return values if {UTC}.issuperset({value.tzinfo for value in values if value is not None}) else None


_time_out.column = _times_out  # type: ignore[attr-defined]


def _time_in(value: Any) -> datetime:
    try:
        parsed = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f"{value!r} is not a time: write it as 2026-01-31T23:59:00Z.") from None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _date_in(value: Any) -> date:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        raise GraphQLError(f"{value!r} is not a day: write it as 2026-01-31.") from None


def _big_in(value: Any) -> int:
    try:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        return int(value)
    except ValueError:
        raise GraphQLError(f"{value!r} is not an integer.") from None


def _duration_in(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise GraphQLError(f"{value!r} is not a number of seconds.")
    return float(value)


def _anything(value: Any) -> Any:
    return value


SCALARS: dict[object, ScalarDefinition] = {
    Time: strawberry.scalar(
        name="Time",
        description="A moment, in RFC 3339: `2026-01-31T23:59:00Z`. A time without an offset is taken as UTC.",
        serialize=_time_out,
        parse_value=_time_in,
    ),
    Date: strawberry.scalar(
        name="Date",
        description="A day, in ISO 8601: `2026-01-31`.",
        serialize=date.isoformat,
        parse_value=_date_in,
    ),
    Duration: strawberry.scalar(
        name="Duration",
        description="A length of time in seconds, fractions included.",
        serialize=float,
        parse_value=_duration_in,
    ),
    BigInt: strawberry.scalar(
        name="BigInt",
        description="An integer that may need more than 32 bits; written as a string, as GitLab does.",
        serialize=str,
        parse_value=_big_in,
    ),
    CiInputsValueInputType: strawberry.scalar(
        name="CiInputsValueInputType",
        description="Value of an input: a string, a number, true or false, or a list of them.",
        serialize=_anything,
        parse_value=_anything,
    ),
}
