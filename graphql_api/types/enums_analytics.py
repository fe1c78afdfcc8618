"""Owns the enums of analytics: GitLab's names."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="What came of pipelines.")
class PipelineAnalyticsJobStatus(Enum):
    """What came of pipelines."""

    ANY = enum_value("any", description="Whatever came of them.")
    SUCCESS = enum_value("success", description="They have passed.")
    FAILED = enum_value("failed", description="They have failed.")
    OTHER = enum_value("other", description="They were cancelled or skipped.")


@strawberry.enum(description="How long the periods of a time series are.")
class AnalyticsAggregationPeriod(Enum):
    """How long the periods of a time series are."""

    DAY = enum_value("day", description="A day.")
    WEEK = enum_value("week", description="A week, from Monday on.")
    MONTH = enum_value("month", description="A month.")
