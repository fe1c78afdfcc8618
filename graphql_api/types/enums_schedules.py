"""Owns the enums of pipeline schedules: GitLab's names, the domain's values."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="Whether a schedule runs by itself.")
class PipelineScheduleStatus(Enum):
    """Whether a schedule runs by itself."""

    ACTIVE = enum_value("active", description="It runs when it is due.")
    INACTIVE = enum_value("inactive", description="It only runs when somebody plays it.")


@strawberry.enum(
    description="Order of pipeline schedules. One that is not due counts as due after all others."
)
class PipelineScheduleSort(Enum):
    """Order of pipeline schedules: a column and a direction."""

    ID_DESC = enum_value("id_desc", description="By ID, newest first.")
    ID_ASC = enum_value("id_asc", description="By ID, oldest first.")
    DESCRIPTION_DESC = enum_value("description_desc", description="By description, descending.")
    DESCRIPTION_ASC = enum_value("description_asc", description="By description, ascending.")
    REF_DESC = enum_value("ref_desc", description="By branch or tag, descending.")
    REF_ASC = enum_value("ref_asc", description="By branch or tag, ascending.")
    NEXT_RUN_AT_DESC = enum_value(
        "next_run_at_desc", description="By the time of the next run, latest first."
    )
    NEXT_RUN_AT_ASC = enum_value("next_run_at_asc", description="By the time of the next run, soonest first.")
    CREATED_AT_DESC = enum_value("created_at_desc", description="By creation, newest first.")
    CREATED_AT_ASC = enum_value("created_at_asc", description="By creation, oldest first.")
    UPDATED_AT_DESC = enum_value("updated_at_desc", description="By last change, newest first.")
    UPDATED_AT_ASC = enum_value("updated_at_asc", description="By last change, oldest first.")


@strawberry.enum(description="Why a schedule ran.")
class PipelineScheduleRunKind(Enum):
    """Why a schedule ran."""

    DUE = enum_value("due", description="It was due.")
    PLAYED = enum_value("played", description="Somebody played it.")
