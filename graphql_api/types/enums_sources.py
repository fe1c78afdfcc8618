"""Owns the enum of what asks for pipelines: GitLab's names, the domain's values."""

from __future__ import annotations

from enum import Enum

import strawberry
from strawberry import enum_value


@strawberry.enum(description="What asked for a pipeline.")
class CiPipelineSources(Enum):
    """What asked for a pipeline."""

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
    PIPELINE_EXECUTION_POLICY_SCHEDULE = enum_value(
        "pipeline_execution_policy_schedule", description="A scheduled pipeline execution policy."
    )
    PUSH = enum_value("push", description="A push.")
    SCHEDULE = enum_value("schedule", description="A pipeline schedule.")
    SECURITY_ORCHESTRATION_POLICY = enum_value(
        "security_orchestration_policy", description="A security policy."
    )
    TRIGGER = enum_value("trigger", description="A trigger token.")
    UNKNOWN = enum_value("unknown", description="Not known.")
    WEB = enum_value("web", description="Somebody, on the web page.")
    WEBIDE = enum_value("webide", description="The web IDE.")
