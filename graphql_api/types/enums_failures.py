"""Owns the enum of reasons why jobs fail: GitLab's names; Pipeyard gives those of `statuses.FailureReason`."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(
    description="Why a job failed. Not all of these come up here: a filter for another one finds nothing."
)
class CiJobFailureReason(Enum):
    """Why a job failed."""

    API_FAILURE = enum_value("api_failure", description="The runner could not talk to the API.")
    ARCHIVED_FAILURE = enum_value("archived_failure", description="The job was too old to run.")
    BRIDGE_PIPELINE_IS_CHILD_PIPELINE = enum_value(
        "bridge_pipeline_is_child_pipeline", description="A child pipeline started a child pipeline too many."
    )
    BUILDS_DISABLED = enum_value("builds_disabled", description="CI was switched off.")
    CI_QUOTA_EXCEEDED = enum_value("ci_quota_exceeded", description="No compute minutes were left.")
    DATA_INTEGRITY_FAILURE = enum_value(
        "data_integrity_failure", description="Its data did not fit together."
    )
    DEPLOYMENT_REJECTED = enum_value("deployment_rejected", description="The deployment was rejected.")
    DOWNSTREAM_BRIDGE_PROJECT_NOT_FOUND = enum_value(
        "downstream_bridge_project_not_found", description="The downstream project was not found."
    )
    DOWNSTREAM_PIPELINE_CREATION_FAILED = enum_value(
        "downstream_pipeline_creation_failed", description="The downstream pipeline could not be created."
    )
    ENVIRONMENT_CREATION_FAILURE = enum_value(
        "environment_creation_failure", description="The environment could not be created."
    )
    FAILED_OUTDATED_DEPLOYMENT_JOB = enum_value(
        "failed_outdated_deployment_job", description="A newer deployment had been made."
    )
    FORWARD_DEPLOYMENT_FAILURE = enum_value(
        "forward_deployment_failure", description="A newer deployment had been made (former name)."
    )
    INSUFFICIENT_BRIDGE_PERMISSIONS = enum_value(
        "insufficient_bridge_permissions", description="Starting the downstream pipeline was not allowed."
    )
    INSUFFICIENT_UPSTREAM_PERMISSIONS = enum_value(
        "insufficient_upstream_permissions", description="Reading the upstream project was not allowed."
    )
    INVALID_BRIDGE_TRIGGER = enum_value("invalid_bridge_trigger", description="The trigger was not valid.")
    IP_RESTRICTION_FAILURE = enum_value("ip_restriction_failure", description="The address was not allowed.")
    JOB_EXECUTION_TIMEOUT = enum_value("job_execution_timeout", description="It ran longer than its timeout.")
    MISSING_DEPENDENCY_FAILURE = enum_value(
        "missing_dependency_failure", description="Artifacts that it needs were gone."
    )
    NO_MATCHING_RUNNER = enum_value("no_matching_runner", description="No runner could take it.")
    PIPELINE_LOOP_DETECTED = enum_value(
        "pipeline_loop_detected", description="Pipelines started one another in a loop."
    )
    PROJECT_DELETED = enum_value("project_deleted", description="The project was deleted.")
    PROTECTED_ENVIRONMENT_FAILURE = enum_value(
        "protected_environment_failure", description="Deploying to the protected environment was not allowed."
    )
    REACHED_DOWNSTREAM_PIPELINE_TRIGGER_RATE_LIMIT = enum_value(
        "reached_downstream_pipeline_trigger_rate_limit",
        description="Too many downstream pipelines were started at a time.",
    )
    REACHED_MAX_DESCENDANT_PIPELINES_DEPTH = enum_value(
        "reached_max_descendant_pipelines_depth", description="Child pipelines were nested too deep."
    )
    REACHED_MAX_PIPELINE_HIERARCHY_SIZE = enum_value(
        "reached_max_pipeline_hierarchy_size", description="Too many pipelines started one another."
    )
    RUNNER_SYSTEM_FAILURE = enum_value("runner_system_failure", description="The runner failed.")
    RUNNER_UNSUPPORTED = enum_value("runner_unsupported", description="The runner was too old for it.")
    SCHEDULER_FAILURE = enum_value("scheduler_failure", description="It could not be scheduled.")
    SCRIPT_FAILURE = enum_value("script_failure", description="Its script failed.")
    SECRETS_PROVIDER_NOT_FOUND = enum_value(
        "secrets_provider_not_found", description="The secrets provider was not found."
    )
    STALE_SCHEDULE = enum_value("stale_schedule", description="Its timer ran out long ago.")
    STUCK_OR_TIMEOUT_FAILURE = enum_value(
        "stuck_or_timeout_failure", description="No runner took it, or the runner fell silent."
    )
    TRACE_SIZE_EXCEEDED = enum_value("trace_size_exceeded", description="Its log was too long.")
    UNKNOWN_FAILURE = enum_value("unknown_failure", description="Not known.")
    UNMET_PREREQUISITES = enum_value(
        "unmet_prerequisites", description="What it needs to run could not be prepared."
    )
    UPSTREAM_BRIDGE_PROJECT_NOT_FOUND = enum_value(
        "upstream_bridge_project_not_found", description="The upstream project was not found."
    )
    USER_BLOCKED = enum_value("user_blocked", description="Its user was blocked.")
