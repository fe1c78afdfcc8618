"""Owns references between types: each type by name, so that their modules need not import one another."""

from __future__ import annotations

from typing import Annotated, Any, Final

import strawberry

from graphql_api import links
from graphql_api.fields import leaf
from graphql_api.types.connections import Count, Edge, connection

#: Largest Int of GraphQL.
MAX_INT: Final = 2**31 - 1


def _type(module: str, name: str) -> Any:
    return Annotated[name, strawberry.lazy(f"graphql_api.types.{module}")]


PROJECT = _type("projects", "Project")
PIPELINE = _type("pipelines", "Pipeline")
STAGE = _type("stages", "Stage")
GROUP = _type("stages", "Group")
JOB = _type("jobs", "Job")
NEED = _type("needs", "Need")
ARTIFACT = _type("artifacts", "Artifact")
ENVIRONMENT = _type("environments", "Environment")
DEPLOYMENT = _type("environments", "Deployment")
NESTED_ENVIRONMENT = _type("nested_environments", "NestedEnvironment")
PROTECTED_ENVIRONMENT = _type("protected_environments", "ProtectedEnvironment")
RESOURCE_GROUP = _type("resource_groups", "ResourceGroup")
RUNNER = _type("runners", "Runner")
RUNNER_MANAGER = _type("runners", "RunnerManager")
USER = _type("users", "UserCore")
COMMIT = _type("commits", "Commit")
PIPELINE_MESSAGE = _type("messages", "PipelineMessage")
MANUAL_VARIABLE = _type("messages", "PipelineManualVariable")
SCHEDULE = _type("schedules", "PipelineSchedule")
SCHEDULE_VARIABLE = _type("schedules", "PipelineScheduleVariable")
SCHEDULE_RUN = _type("schedules", "PipelineScheduleRun")
TRIGGER = _type("pipeline_triggers", "PipelineTrigger")
PROJECT_GROUP = _type("groups", "Group")
GROUP_VARIABLE = _type("variables", "CiGroupVariable")
INHERITED_VARIABLE = _type("variables", "InheritedCiVariable")
PROJECT_VARIABLE = _type("variables", "CiProjectVariable")
STAGE_AT_TIME = _type("moments", "StageAtTime")
JOB_AT_TIME = _type("moments", "JobAtTime")
JOB_VARIABLE = _type("job_variables", "CiManualVariable")
INPUT = _type("schedules", "CiInputsField")
INPUT_SPEC = _type("creation_inputs", "CiInputSpec")

JOB_NEED = Annotated[
    NEED | JOB,  # type: ignore[valid-type]
    strawberry.union(
        name="JobNeedUnion",
        description="What a job waits for: an entry of its `needs`, or a job of the stage before.",
    ),
]


def _runner_url(edge: Edge, verb: str) -> str | None:
    owner = edge.page.owner
    return None if owner is None else links.absolute(links.runner(owner, edge.node.pk, verb))


PROJECTS = connection("Project", PROJECT, "projects", Count.EXACT)
PIPELINES = connection("Pipeline", PIPELINE, "pipelines", Count.EXACT)
STAGES = connection("CiStage", STAGE, "stages")
GROUPS = connection("CiGroup", GROUP, "groups of jobs")
JOBS = connection("CiJob", JOB, "jobs", Count.LIMITED)
NEEDS = connection("CiBuildNeed", NEED, "needs")
JOB_NEEDS = connection("JobNeedUnion", JOB_NEED, "needs or jobs")
ARTIFACTS = connection("CiJobArtifact", ARTIFACT, "artifacts")
ENVIRONMENTS = connection("Environment", ENVIRONMENT, "environments")
NESTED_ENVIRONMENTS = connection("NestedEnvironment", NESTED_ENVIRONMENT, "folders of environments")
PROTECTED_ENVIRONMENTS = connection("ProtectedEnvironment", PROTECTED_ENVIRONMENT, "protected environments")
RESOURCE_GROUPS = connection("CiResourceGroup", RESOURCE_GROUP, "resource groups", Count.EXACT)
DEPLOYMENTS = connection("Deployment", DEPLOYMENT, "deployments")
RUNNERS = connection(
    "CiRunner",
    RUNNER,
    "runners",
    Count.EXACT,
    edge={
        "web_url": leaf(
            str | None,
            "URL of the runner's page in the project or group whose runners these are.",
            lambda edge: _runner_url(edge, ""),
        ),
        "edit_url": leaf(
            str | None,
            "URL of the page that changes it, in the project or group whose runners these are.",
            lambda edge: _runner_url(edge, "edit"),
        ),
    },
)
RUNNER_MANAGERS = connection("CiRunnerManager", RUNNER_MANAGER, "runner managers", Count.EXACT)
PIPELINE_MESSAGES = connection("PipelineMessage", PIPELINE_MESSAGE, "messages")
MANUAL_VARIABLES = connection("PipelineManualVariable", MANUAL_VARIABLE, "variables")
SCHEDULES = connection("PipelineSchedule", SCHEDULE, "schedules", Count.EXACT)
SCHEDULE_VARIABLES = connection("PipelineScheduleVariable", SCHEDULE_VARIABLE, "variables")
SCHEDULE_RUNS = connection("PipelineScheduleRun", SCHEDULE_RUN, "runs", Count.LIMITED)
TRIGGERS = connection("PipelineTrigger", TRIGGER, "trigger tokens", Count.EXACT)
STAGES_AT_TIME = connection("CiStageAtTime", STAGE_AT_TIME, "stages")
JOBS_AT_TIME = connection("CiJobAtTime", JOB_AT_TIME, "jobs")
PROJECT_GROUPS = connection("Group", PROJECT_GROUP, "groups", Count.EXACT)
INHERITED_VARIABLES = connection("InheritedCiVariable", INHERITED_VARIABLE, "variables")
JOB_VARIABLES = connection("CiManualVariable", JOB_VARIABLE, "variables")
INPUTS = connection("CiInputsField", INPUT, "inputs")


def _variables(name: str, node: Any) -> Any:
    limit = leaf(
        int,
        "How many variables there may be. There is no limit here: it is the largest number.",
        lambda page: MAX_INT,
    )
    return connection(name, node, "variables", limit=limit)


PROJECT_VARIABLES = _variables("CiProjectVariable", PROJECT_VARIABLE)
GROUP_VARIABLES = _variables("CiGroupVariable", GROUP_VARIABLE)
