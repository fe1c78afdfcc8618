"""Owns the enums with which runners are listed: GitLab's names, the columns behind them."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="Order of runners.")
class CiRunnerSort(Enum):
    """Order of runners."""

    CONTACTED_ASC = enum_value("contacted_at_asc", description="Those that called least recently first.")
    CONTACTED_DESC = enum_value("contacted_at_desc", description="Those that called most recently first.")
    CREATED_ASC = enum_value("created_at_asc", description="The oldest first.")
    CREATED_DESC = enum_value("created_at_desc", description="The newest first.")
    MOST_ACTIVE_DESC = enum_value("running_jobs_desc", description="Those that run most jobs first.")
    TOKEN_EXPIRES_AT_ASC = enum_value(
        "id_asc", description="By the expiry of the token. Tokens do not expire here: the oldest first."
    )
    TOKEN_EXPIRES_AT_DESC = enum_value(
        "id_desc", description="By the expiry of the token. Tokens do not expire here: the newest first."
    )


@strawberry.enum(description="How runners may belong to a group.")
class CiRunnerMembershipFilter(Enum):
    """How runners may belong to a group."""

    DIRECT = enum_value("direct", description="The group's own runners.")
    DESCENDANTS = enum_value(
        "descendants", description="The runners of the group, of the groups in it, and of their projects."
    )
    ALL_AVAILABLE = enum_value(
        "all_available",
        description="The runners that the group's projects can use: of the group, of those above it, and of everybody.",
    )
