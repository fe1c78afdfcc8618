"""Owns the enums of pipelines and jobs: GitLab's names, the domain's values."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="Status of a pipeline.")
class PipelineStatusEnum(Enum):
    """Status of a pipeline."""

    CREATED = enum_value("created", description="Waits for what comes before it.")
    WAITING_FOR_RESOURCE = enum_value("waiting_for_resource", description="Waits for its resource group.")
    PREPARING = enum_value("preparing", description="Is being prepared to run.")
    WAITING_FOR_CALLBACK = enum_value("waiting_for_callback", description="Waits for an outside party.")
    PENDING = enum_value("pending", description="Waits for a runner.")
    RUNNING = enum_value("running", description="Runs.")
    SUCCESS = enum_value("success", description="Has passed.")
    FAILED = enum_value("failed", description="Has failed.")
    CANCELING = enum_value("canceling", description="Is being cancelled; its runner stops it gracefully.")
    CANCELED = enum_value("canceled", description="Was cancelled.")
    SKIPPED = enum_value("skipped", description="Was left out, because of what came before it.")
    MANUAL = enum_value("manual", description="Waits for somebody to start it.")
    SCHEDULED = enum_value("scheduled", description="Waits for its timer.")


@strawberry.enum(description="Status of a job.")
class CiJobStatus(Enum):
    """Status of a job."""

    CREATED = enum_value("created", description="Waits for what comes before it.")
    WAITING_FOR_RESOURCE = enum_value("waiting_for_resource", description="Waits for its resource group.")
    PREPARING = enum_value("preparing", description="Is being prepared to run.")
    WAITING_FOR_CALLBACK = enum_value("waiting_for_callback", description="Waits for an outside party.")
    PENDING = enum_value("pending", description="Waits for a runner.")
    RUNNING = enum_value("running", description="Runs.")
    SUCCESS = enum_value("success", description="Has passed.")
    FAILED = enum_value("failed", description="Has failed.")
    CANCELING = enum_value("canceling", description="Is being cancelled; its runner stops it gracefully.")
    CANCELED = enum_value("canceled", description="Was cancelled.")
    SKIPPED = enum_value("skipped", description="Was left out, because of what came before it.")
    MANUAL = enum_value("manual", description="Waits for somebody to start it.")
    SCHEDULED = enum_value("scheduled", description="Waits for its timer.")


@strawberry.enum(description="What a job does.")
class CiJobKind(Enum):
    """What a job does."""

    BUILD = enum_value("build", description="A runner executes it.")
    BRIDGE = enum_value("bridge", description="It starts another pipeline.")


@strawberry.enum(description="A selection of pipelines.")
class PipelineScopeEnum(Enum):
    """A selection of pipelines."""

    BRANCHES = enum_value("branches", description="The newest pipeline of each branch.")
    TAGS = enum_value("tags", description="The newest pipeline of each tag.")
    FINISHED = enum_value("finished", description="Those that have passed, failed or been cancelled.")
    PENDING = enum_value("pending", description="Those that wait for a runner.")
    RUNNING = enum_value("running", description="Those that run.")


@strawberry.enum(description="Where a pipeline's configuration came from.")
class PipelineConfigSourceEnum(Enum):
    """Where a pipeline's configuration came from."""

    UNKNOWN_SOURCE = enum_value("unknown_source", description="Not known.")
    REPOSITORY_SOURCE = enum_value("repository_source", description="The file in the repository.")
    AUTO_DEVOPS_SOURCE = enum_value("auto_devops_source", description="Auto DevOps.")
    WEBIDE_SOURCE = enum_value("webide_source", description="The web IDE's file.")
    REMOTE_SOURCE = enum_value("remote_source", description="A file at a URL.")
    EXTERNAL_PROJECT_SOURCE = enum_value("external_project_source", description="A file of another project.")
    BRIDGE_SOURCE = enum_value("bridge_source", description="The job that triggers the pipeline.")
    PARAMETER_SOURCE = enum_value("parameter_source", description="Given by the caller.")
    COMPLIANCE_SOURCE = enum_value("compliance_source", description="A compliance framework.")
    SECURITY_POLICIES_DEFAULT_SOURCE = enum_value(
        "security_policies_default_source", description="A security policy, without a file."
    )
    PIPELINE_EXECUTION_POLICY_FORCED = enum_value(
        "pipeline_execution_policy_forced", description="A pipeline execution policy."
    )


@strawberry.enum(description="How to write a commit id.")
class ShaFormat(Enum):
    """How to write a commit id."""

    LONG = enum_value("long", description="In full.")
    SHORT = enum_value("short", description="Its first eight characters.")


@strawberry.enum(description="What asked for the pipeline of a job.")
class CiJobSource(Enum):
    """What asked for the pipeline of a job."""

    API = enum_value("api", description="A call of the API.")
    CHAT = enum_value("chat", description="A chat command.")
    CONTAINER_REGISTRY_PUSH = enum_value(
        "container_registry_push", description="A push to a container registry."
    )
    DUO_WORKFLOW = enum_value("duo_workflow", description="A Duo workflow.")
    EXTERNAL = enum_value("external", description="Another CI service.")
    EXTERNAL_PULL_REQUEST_EVENT = enum_value(
        "external_pull_request_event", description="A pull request elsewhere."
    )
    MERGE_REQUEST_EVENT = enum_value("merge_request_event", description="A merge request.")
    ONDEMAND_DAST_SCAN = enum_value("ondemand_dast_scan", description="An on-demand DAST scan.")
    ONDEMAND_DAST_VALIDATION = enum_value(
        "ondemand_dast_validation", description="An on-demand DAST validation."
    )
    PARENT_PIPELINE = enum_value("parent_pipeline", description="A parent pipeline.")
    PIPELINE = enum_value("pipeline", description="A pipeline of another project, or a job token.")
    PIPELINE_EXECUTION_POLICY = enum_value(
        "pipeline_execution_policy", description="A pipeline execution policy."
    )
    PIPELINE_EXECUTION_POLICY_SCHEDULE = enum_value(
        "pipeline_execution_policy_schedule", description="A scheduled pipeline execution policy."
    )
    PUSH = enum_value("push", description="A push.")
    SCAN_EXECUTION_POLICY = enum_value("scan_execution_policy", description="A scan execution policy.")
    SCHEDULE = enum_value("schedule", description="A pipeline schedule.")
    SECURITY_ORCHESTRATION_POLICY = enum_value(
        "security_orchestration_policy", description="A security policy."
    )
    TRIGGER = enum_value("trigger", description="A trigger token.")
    UNKNOWN = enum_value("unknown", description="Not known.")
    WEB = enum_value("web", description="Somebody, on the web page.")
    WEBIDE = enum_value("webide", description="The web IDE.")
