"""Owns pipeline schedules, what they give to their pipelines, and the record of their runs."""

from __future__ import annotations

import strawberry

from graphql_api.fields import batched, leaf
from graphql_api.node_ids import GlobalIds
from graphql_api.scalars import CiInputsValueInputType, Duration, Time
from graphql_api.types import references as refs
from graphql_api.types import schedule_relations as relations
from graphql_api.types.enums_schedules import PipelineScheduleRunKind
from graphql_api.types.enums_things import CiVariableType


@strawberry.type(name="PipelineSchedulePermissions", description="What the caller may do with a schedule.")
class PipelineSchedulePermissions:
    """Its parent is the set of abilities."""

    play_pipeline_schedule = leaf(bool, "Run it now.", lambda able: "play" in able)
    update_pipeline_schedule = leaf(bool, "Change it; only its owner may.", lambda able: "update" in able)
    admin_pipeline_schedule = leaf(bool, "Delete it.", lambda able: "admin" in able)
    take_ownership_pipeline_schedule = leaf(bool, "Become its owner.", lambda able: "take_ownership" in able)


@strawberry.type(
    name="PipelineScheduleVariable", description="A variable that the pipelines of a schedule get."
)
class PipelineScheduleVariable:
    """Its parent is a row of PipelineScheduleVariable."""

    id = leaf(strawberry.ID, "ID of the variable.", GlobalIds("Ci::PipelineScheduleVariable"))
    key = leaf(str | None, "Name of the variable.")
    value = leaf(str | None, "Value of the variable.")
    variable_type = leaf(CiVariableType | None, "How jobs get it.")
    raw = leaf(bool | None, "Whether references to other variables in it stay as they are.")


@strawberry.type(name="CiInputsField", description="A value for an input of a configuration or of a job.")
class CiInputsField:
    """Its parent is a schedule_relations.Input."""

    name = leaf(str, "Name of the input.")
    value = leaf(CiInputsValueInputType | None, "Value of the input.")


@strawberry.type(
    name="PipelineScheduleRun",
    description="Extension of Pipeyard: one run of a schedule, with its lateness and what came of it.",
)
class PipelineScheduleRun:
    """Its parent is a row of ScheduleRun."""

    id = leaf(strawberry.ID, "ID of the run.", GlobalIds("Ci::PipelineScheduleRun"))
    kind = leaf(PipelineScheduleRunKind, "Why it ran.")
    due_at = leaf(Time, "When it was due.")
    started_at = leaf(Time, "When it started.")
    finished_at = leaf(Time, "When its pipeline was there, or was refused.")
    lateness = leaf(
        Duration, "Seconds from when it was due to when it started.", lambda row: row.lateness_ms / 1000
    )
    missed_runs = leaf(
        int,
        "Further times that had passed meanwhile; they are not made up for. Counted up to 1000.",
        "missed",
    )
    user = batched(refs.USER | None, relations.run_users, "Whose rights it had.")
    pipeline = batched(
        refs.PIPELINE | None,
        relations.run_pipelines,
        "Its pipeline; null if there is none, or none any more.",
    )
    error = leaf(str | None, "Why there is no pipeline.", lambda row: row.error or None)
    error_code = leaf(str | None, "The same as a code.", lambda row: row.error_code or None)


@strawberry.type(name="PipelineSchedule", description="Creates pipelines by the clock.")
class PipelineSchedule:
    """Its parent is a row of PipelineSchedule."""

    id = leaf(strawberry.ID, "ID of the schedule.", GlobalIds(relations.MODEL))
    description = leaf(str | None, "What it is for.")
    active = leaf(bool, "Whether it runs by itself.")
    deactivated_reason = leaf(
        str | None,
        "Extension of Pipeyard: why the server switched it off, such as the owner's loss of rights.",
        lambda row: row.deactivated_reason or None,
    )
    cron = leaf(str, "Pattern of the times at which it is due: five fields, as in crontab(5).")
    cron_timezone = leaf(str, "IANA name of the time zone of the pattern.")
    next_run_at = leaf(Time | None, "When it is due next; null while it is not active.")
    real_next_run = leaf(
        Time | None,
        "The same as nextRunAt: schedules are not bound to the rhythm of a worker.",
        lambda row: row.next_run_at,
    )
    ref = leaf(str | None, "Branch or tag in full: `refs/heads/main`.")
    ref_for_display = leaf(str | None, "Name of the branch or tag.")
    ref_path = batched(str | None, relations.ref_paths, "Path of its branch or tag.")
    for_tag = leaf(bool, "Whether it runs for a tag.")
    edit_path = batched(str | None, relations.edit_paths, "Path of the page on which it is changed.")
    created_at = leaf(Time, "When it was made.")
    updated_at = leaf(Time, "When it was last changed.")

    project = batched(refs.PROJECT | None, relations.projects, "Its project.")
    owner = batched(refs.USER | None, relations.owners, "With whose rights its pipelines run.")
    last_pipeline = batched(refs.PIPELINE | None, relations.last_pipelines, "The newest of its pipelines.")
    inputs = batched(
        refs.INPUTS,
        relations.inputs,
        "The inputs that its pipelines get; null for all but its owner and maintainers.",
    )
    variables = batched(
        refs.SCHEDULE_VARIABLES,
        relations.variables,
        "The variables that its pipelines get; null for all but its owner and maintainers.",
    )
    runs = batched(
        refs.SCHEDULE_RUNS,
        relations.runs,
        "Extension of Pipeyard: its runs on record, newest first, each with how late it was.",
    )
    user_permissions = batched(
        PipelineSchedulePermissions, relations.abilities, "What the caller may do with it."
    )
