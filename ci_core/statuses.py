"""Statuses of jobs, stages and pipelines, their named groups, and the state machine in words.

A job is born `created`. Processing looks at what came before it and moves it on:

    created -> pending                 everything before it allows it to run (when: on_success, always, ...)
    created -> manual                  when: manual; somebody must play it
    created -> scheduled               when: delayed; a timer must run out
    created -> skipped                 what came before does not allow it to run
    created, pending -> preparing | waiting_for_resource | waiting_for_callback -> pending
    manual, scheduled, skipped -> pending        played by a user, or the timer fired
    created, manual, scheduled, skipped -> waiting_for_resource   the same, when its resource group is to be waited for
    scheduled -> manual                unscheduled by a user
    skipped -> created                 something before it runs again
    pending -> running                 a runner took it
    running -> pending                 handed back: the runner was gone before it got the job
    running -> canceling -> canceled   cancelled, and the runner stops gracefully
    anything alive -> canceled         cancelled otherwise
    anything not complete -> failed | success    as the runner, or a sweep, reports

The arrows themselves stand in `decisions/transitions.py`; a test compares both with the database's constraint.
"""

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """Status of a job, a stage or a pipeline. Values are GitLab's."""

    CREATED = "created"
    WAITING_FOR_RESOURCE = "waiting_for_resource"
    PREPARING = "preparing"
    WAITING_FOR_CALLBACK = "waiting_for_callback"
    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELING = "canceling"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    MANUAL = "manual"
    SCHEDULED = "scheduled"


COMPLETED: Final = frozenset({Status.SUCCESS, Status.FAILED, Status.CANCELED, Status.SKIPPED})
BLOCKED: Final = frozenset({Status.MANUAL, Status.SCHEDULED})
STOPPED: Final = COMPLETED | BLOCKED
ACTIVE: Final = frozenset(
    {
        Status.WAITING_FOR_RESOURCE,
        Status.PREPARING,
        Status.WAITING_FOR_CALLBACK,
        Status.PENDING,
        Status.RUNNING,
    }
)
ALIVE: Final = ACTIVE | {Status.CREATED, Status.CANCELING}
UNFINISHED: Final = ALIVE | {Status.SCHEDULED}
CANCELABLE: Final = (ALIVE | {Status.SCHEDULED}) - {Status.CANCELING}
ON_RUNNER: Final = frozenset({Status.RUNNING, Status.CANCELING})
RETRYABLE: Final = frozenset({Status.SUCCESS, Status.FAILED, Status.CANCELED, Status.CANCELING})
PLAYABLE: Final = frozenset({Status.MANUAL, Status.SCHEDULED, Status.SKIPPED, Status.CREATED})


class When(StrEnum):
    """The `when` keyword of a job."""

    ON_SUCCESS = "on_success"
    ON_FAILURE = "on_failure"
    ALWAYS = "always"
    MANUAL = "manual"
    DELAYED = "delayed"
    NEVER = "never"


class FailureReason(StrEnum):
    """Why a job failed; the subset of GitLab's reasons that Pipeyard gives."""

    UNKNOWN_FAILURE = "unknown_failure"
    SCRIPT_FAILURE = "script_failure"
    API_FAILURE = "api_failure"
    STUCK_OR_TIMEOUT_FAILURE = "stuck_or_timeout_failure"
    RUNNER_SYSTEM_FAILURE = "runner_system_failure"
    MISSING_DEPENDENCY_FAILURE = "missing_dependency_failure"
    RUNNER_UNSUPPORTED = "runner_unsupported"
    JOB_EXECUTION_TIMEOUT = "job_execution_timeout"
    TRACE_SIZE_EXCEEDED = "trace_size_exceeded"
    NO_MATCHING_RUNNER = "no_matching_runner"
    FAILED_OUTDATED_DEPLOYMENT_JOB = "failed_outdated_deployment_job"
    PROTECTED_ENVIRONMENT_FAILURE = "protected_environment_failure"
    ARCHIVED_FAILURE = "archived_failure"
    DOWNSTREAM_BRIDGE_PROJECT_NOT_FOUND = "downstream_bridge_project_not_found"
    INSUFFICIENT_BRIDGE_PERMISSIONS = "insufficient_bridge_permissions"
    INVALID_BRIDGE_TRIGGER = "invalid_bridge_trigger"
    DOWNSTREAM_PIPELINE_CREATION_FAILED = "downstream_pipeline_creation_failed"
    PIPELINE_LOOP_DETECTED = "pipeline_loop_detected"
    REACHED_MAX_DESCENDANT_PIPELINES_DEPTH = "reached_max_descendant_pipelines_depth"
    REACHED_MAX_PIPELINE_HIERARCHY_SIZE = "reached_max_pipeline_hierarchy_size"
    UPSTREAM_BRIDGE_PROJECT_NOT_FOUND = "upstream_bridge_project_not_found"


#: Reasons with which a trigger job fails however often it is run.
NOT_RETRYABLE: Final = frozenset(
    {FailureReason.PIPELINE_LOOP_DETECTED, FailureReason.REACHED_MAX_DESCENDANT_PIPELINES_DEPTH}
)


class PipelineFailureReason(StrEnum):
    """Why a pipeline failed without any job failing."""

    CONFIG_ERROR = "config_error"


class PipelineSource(StrEnum):
    """What asked for a pipeline; `CI_PIPELINE_SOURCE`."""

    API = "api"
    PARENT_PIPELINE = "parent_pipeline"
    PIPELINE = "pipeline"
    PUSH = "push"
    SCHEDULE = "schedule"
    TRIGGER = "trigger"
    WEB = "web"


#: Sources of pipelines that a job created: a child pipeline, and one of another project or by a job token.
DOWNSTREAM_SOURCES: Final = frozenset({PipelineSource.PARENT_PIPELINE, PipelineSource.PIPELINE})


class SchedulingType(StrEnum):
    """How a job waits: for all earlier stages, or for its `needs`."""

    STAGE = "stage"
    DAG = "dag"


class DeploymentStatus(StrEnum):
    """Status of a deployment; follows its job."""

    CREATED = "created"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"
    BLOCKED = "blocked"


class AccessLevel:
    """Roles of a project's members, with GitLab's numbers."""

    GUEST: Final = 10
    REPORTER: Final = 20
    DEVELOPER: Final = 30
    MAINTAINER: Final = 40
    OWNER: Final = 50
