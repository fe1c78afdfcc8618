"""Choices and constraints that several models share."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from django.db import models

from ci_core.statuses import AccessLevel


def choices(values: type[StrEnum]) -> list[tuple[str, str]]:
    """Django choices of an enum: (value, words)."""
    return [(member.value, member.value.replace("_", " ")) for member in values]


def one_of(values: type[StrEnum], field: str, name: str) -> models.CheckConstraint:
    """A database constraint: `field` holds a value of the enum."""
    return models.CheckConstraint(
        condition=models.Q(**{f"{field}__in": [member.value for member in values]}), name=name
    )


#: The roles of members, as (level, word).
ACCESS_LEVELS: Final = [
    (AccessLevel.GUEST, "guest"),
    (AccessLevel.REPORTER, "reporter"),
    (AccessLevel.DEVELOPER, "developer"),
    (AccessLevel.MAINTAINER, "maintainer"),
    (AccessLevel.OWNER, "owner"),
]
