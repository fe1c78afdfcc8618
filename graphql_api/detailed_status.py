"""Owns how statuses are shown: words, icons, tooltips and the action that goes with them, in tables.

Source of the words and icons: GitLab, lib/gitlab/ci/status.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ci_core import models
from ci_core.statuses import CANCELABLE, NOT_RETRYABLE, RETRYABLE, FailureReason, Status
from graphql_api import links


@dataclass(frozen=True, slots=True)
class Look:
    """How one status looks. name is for programs, text goes on a badge, label into a sentence."""

    name: str
    text: str
    label: str
    icon: str
    group: str
    favicon: str


def _look(name: str, text: str, label: str, *, icon: str = "", group: str = "") -> Look:
    picture = icon or f"status_{name.lower()}"
    return Look(name, text, label, picture, group or name.lower().replace("_", "-"), f"favicon_{picture}")


LOOKS: Final[dict[str, Look]] = {
    Status.CREATED: _look("CREATED", "Created", "created"),
    Status.WAITING_FOR_RESOURCE: _look(
        "WAITING_FOR_RESOURCE", "Waiting", "waiting for resource", icon="status_pending"
    ),
    Status.PREPARING: _look("PREPARING", "Preparing", "preparing"),
    Status.WAITING_FOR_CALLBACK: _look(
        "WAITING_FOR_CALLBACK", "Waiting", "waiting for callback", icon="status_pending"
    ),
    Status.PENDING: _look("PENDING", "Pending", "pending"),
    Status.RUNNING: _look("RUNNING", "Running", "running"),
    Status.SUCCESS: _look("SUCCESS", "Passed", "passed"),
    Status.FAILED: _look("FAILED", "Failed", "failed"),
    Status.CANCELING: _look("CANCELING", "Canceling", "canceling", icon="status_canceled"),
    Status.CANCELED: _look("CANCELED", "Canceled", "canceled"),
    Status.SKIPPED: _look("SKIPPED", "Skipped", "skipped"),
    Status.MANUAL: _look("MANUAL", "Manual", "manual action"),
    Status.SCHEDULED: _look("SCHEDULED", "Scheduled", "scheduled"),
}
PASSED_WITH_WARNINGS: Final = Look(
    "SUCCESS_WITH_WARNINGS",
    "Warning",
    "passed with warnings",
    "status_warning",
    "success-with-warnings",
    LOOKS[Status.SUCCESS].favicon,
)
#: A whole pipeline that waits for somebody or for a timer.
BLOCKED_PIPELINE: Final = {
    Status.MANUAL: ("Blocked", "waiting for manual action"),
    Status.SCHEDULED: ("Delayed", "waiting for delayed job"),
}
FAILURE_WORDS: Final[dict[str, str]] = {
    FailureReason.UNKNOWN_FAILURE: "unknown failure",
    FailureReason.SCRIPT_FAILURE: "script failure",
    FailureReason.API_FAILURE: "API failure",
    FailureReason.STUCK_OR_TIMEOUT_FAILURE: "stuck or timeout failure",
    FailureReason.RUNNER_SYSTEM_FAILURE: "runner system failure",
    FailureReason.MISSING_DEPENDENCY_FAILURE: "missing dependency failure",
    FailureReason.RUNNER_UNSUPPORTED: "unsupported runner",
    FailureReason.JOB_EXECUTION_TIMEOUT: "job execution timeout",
    FailureReason.TRACE_SIZE_EXCEEDED: "log size limit exceeded",
    FailureReason.NO_MATCHING_RUNNER: "no matching runner available",
    FailureReason.FAILED_OUTDATED_DEPLOYMENT_JOB: "failed outdated deployment job",
    FailureReason.PROTECTED_ENVIRONMENT_FAILURE: "protected environment failure",
    FailureReason.ARCHIVED_FAILURE: "pipeline is archived",
    FailureReason.DOWNSTREAM_BRIDGE_PROJECT_NOT_FOUND: "downstream project could not be found",
    FailureReason.INSUFFICIENT_BRIDGE_PERMISSIONS: "no permissions to trigger downstream pipeline",
    FailureReason.INVALID_BRIDGE_TRIGGER: "downstream pipeline trigger definition is invalid",
    FailureReason.DOWNSTREAM_PIPELINE_CREATION_FAILED: "downstream pipeline can not be created",
    FailureReason.PIPELINE_LOOP_DETECTED: "job would create infinitely looping pipelines",
    FailureReason.REACHED_MAX_DESCENDANT_PIPELINES_DEPTH: "reached maximum depth of child pipelines",
    FailureReason.REACHED_MAX_PIPELINE_HIERARCHY_SIZE: "downstream pipeline tree is too large",
    FailureReason.UPSTREAM_BRIDGE_PROJECT_NOT_FOUND: "upstream project could not be found",
}
#: What to tell somebody whose job failed; for the reasons that need more than their name.
FAILURE_MESSAGES: Final[dict[str, str]] = {
    FailureReason.UNKNOWN_FAILURE: "There is an unknown failure, please try again",
    FailureReason.SCRIPT_FAILURE: "There has been a script failure. Check the job log for more information",
    FailureReason.API_FAILURE: "There has been an API failure, please try again",
    FailureReason.STUCK_OR_TIMEOUT_FAILURE: "There has been a timeout failure or the job got stuck. "
    "Check your timeout limits or try again",
    FailureReason.RUNNER_SYSTEM_FAILURE: "There has been a runner system failure, please try again",
    FailureReason.MISSING_DEPENDENCY_FAILURE: "There has been a missing dependency failure",
    FailureReason.RUNNER_UNSUPPORTED: "Your runner is outdated, please upgrade your runner",
    FailureReason.JOB_EXECUTION_TIMEOUT: "The script exceeded the maximum execution time set for the job",
    FailureReason.TRACE_SIZE_EXCEEDED: "The job log size limit was reached",
    FailureReason.NO_MATCHING_RUNNER: "No matching runner available",
    FailureReason.FAILED_OUTDATED_DEPLOYMENT_JOB: "A newer deployment to this environment exists",
    FailureReason.PROTECTED_ENVIRONMENT_FAILURE: "The environment is protected, and the user may not deploy to it",
    FailureReason.ARCHIVED_FAILURE: "The pipeline is too old for its jobs to run",
    FailureReason.DOWNSTREAM_BRIDGE_PROJECT_NOT_FOUND: "The downstream project could not be found",
    FailureReason.INSUFFICIENT_BRIDGE_PERMISSIONS: "The user may not run pipelines in the downstream project",
    FailureReason.INVALID_BRIDGE_TRIGGER: "The job triggers its own project: a child pipeline needs trigger:include",
    FailureReason.DOWNSTREAM_PIPELINE_CREATION_FAILED: "The downstream pipeline could not be created",
    FailureReason.PIPELINE_LOOP_DETECTED: "The projects would trigger each other in an endless loop",
    FailureReason.REACHED_MAX_DESCENDANT_PIPELINES_DEPTH: "Child pipelines cannot be nested this deep",
    FailureReason.REACHED_MAX_PIPELINE_HIERARCHY_SIZE: "The downstream pipeline tree is too large",
    FailureReason.UPSTREAM_BRIDGE_PROJECT_NOT_FOUND: "The project to mirror could not be found",
}


@dataclass(frozen=True, slots=True)
class Action:
    """What can be done from a status. asks: id of the definition that may ask for confirmation; None: nothing does."""

    id: str
    icon: str
    title: str
    button_title: str
    path: str
    method: str = "post"
    asks: int | None = None


@dataclass(frozen=True, slots=True)
class DetailedStatus:
    """How the status of one object is shown. id is stable per object: clients key their caches on it."""

    id: str
    look: Look
    text: str
    label: str
    tooltip: str
    details_path: str
    action: Action | None = None


def of_pipeline(row: models.Pipeline, project: models.Project, warnings: bool) -> DetailedStatus:
    """A pipeline's status. warnings: whether a job failed that is allowed to."""
    look = _passing(row.status, warnings)
    text, label = BLOCKED_PIPELINE.get(Status(row.status), (look.text, look.label))
    return DetailedStatus(
        f"{look.group}-{row.pk}-{row.pk}", look, text, label, label, links.pipeline(project, row.pk)
    )


def of_stage(row: models.Stage, project: models.Project, warnings: bool) -> DetailedStatus:
    """A stage's status."""
    look = _passing(row.status, warnings)
    path = f"{links.pipeline(project, row.pipeline_id)}#{row.name}"
    return DetailedStatus(f"{look.group}-{row.pk}-{row.pk}", look, look.text, look.label, look.label, path)


def of_group(
    id_: str, status: str, warnings: bool, pipeline_id: int, project: models.Project
) -> DetailedStatus:
    """The status of a group of several jobs."""
    look = _passing(status, warnings)
    path = links.pipeline(project, pipeline_id)
    return DetailedStatus(f"{look.group}-{id_}", look, look.text, look.label, look.label, path)


def _passing(status: str, warnings: bool) -> Look:
    return PASSED_WITH_WARNINGS if warnings and status == Status.SUCCESS else LOOKS[status]


def of_job(row: models.Job, project: models.Project, may_act: bool) -> DetailedStatus:
    """A job's status. may_act: whether the caller may do what the action does."""
    look = LOOKS[row.status]
    label = tooltip = look.label
    if row.status == Status.FAILED:
        tooltip = f"{look.text} - ({_failure_words(row)})"
        if row.allow_failure:
            label, tooltip = "failed (allowed to fail)", f"{tooltip} (allowed to fail)"
            look = Look(look.name, look.text, label, "status_warning", "failed-with-warnings", look.favicon)
    elif row.status == Status.MANUAL:
        label = tooltip = "manual play action"
    elif row.status == Status.SCHEDULED and not _waits_for_pipeline(row):
        label, tooltip = "unschedule action", "delayed manual action (%{remainingTime})"
    if row.retried:
        tooltip = f"{tooltip} (retried)"
    return DetailedStatus(
        f"{look.group}-{row.id}-{row.id}",
        look,
        look.text,
        label,
        tooltip,
        links.job(project, row.id),
        _action(row, project) if may_act else None,
    )


def _failure_words(row: models.Job) -> str:
    if row.failure_reason == FailureReason.UNKNOWN_FAILURE and _waits_for_pipeline(row):
        return "downstream pipeline did not succeed"
    return FAILURE_WORDS.get(row.failure_reason, "unknown failure")


#: verb -> (icon, title, button title)
ACTIONS: Final = {
    "play": ("play", "Run", "Run this job"),
    "unschedule": ("time-out", "Unschedule", "Unschedule job"),
    "cancel": ("cancel", "Cancel", "Cancel this job"),
    "retry": ("retry", "Run again", "Run this job again"),
}


def _action(row: models.Job, project: models.Project) -> Action | None:
    verb = next_verb(row)
    if verb is None:
        return None
    icon, title, button_title = ACTIONS[verb]
    kind = "Ci::Bridge" if row.kind == models.JobKind.BRIDGE else "Ci::Build"
    path = links.job(project, row.id, verb)
    asks = row.definition_id if verb == "play" else None
    return Action(f"{kind}-{verb}-{row.id}", icon, title, button_title, path, asks=asks)


def next_verb(row: models.Job) -> str | None:
    """The one thing that somebody would do with a job in its present status."""
    if row.retried:
        return None
    if row.status == Status.MANUAL:
        return None if _waits_for_pipeline(row) else "play"
    if row.status == Status.SCHEDULED and not _waits_for_pipeline(row):
        return "unschedule"
    if row.status in CANCELABLE:
        return "cancel"
    return "retry" if is_retryable(row) else None


def is_playable(row: models.Job) -> bool:
    """Whether the job can be started by hand."""
    return (
        not row.retried
        and row.when in ("manual", "delayed")
        and row.status
        in (
            Status.MANUAL,
            Status.SCHEDULED,
            Status.SKIPPED,
        )
        and not _waits_for_pipeline(row)
    )


def _waits_for_pipeline(row: models.Job) -> bool:
    """Whether it is a trigger job that has created its pipeline: what happens to it is decided there."""
    return row.kind == models.JobKind.BRIDGE and row.started_at is not None


def is_cancelable(row: models.Job) -> bool:
    """Whether the job can be cancelled."""
    return row.status in CANCELABLE


def is_retryable(row: models.Job) -> bool:
    """Whether the job can be run again."""
    return (
        not row.retried
        and row.status in RETRYABLE
        and row.status != Status.CANCELING
        and row.failure_reason not in NOT_RETRYABLE
    )
