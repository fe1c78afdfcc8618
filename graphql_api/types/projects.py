"""Owns projects."""

from __future__ import annotations

import strawberry

from graphql_api import links
from graphql_api.fields import batched, leaf
from graphql_api.node_ids import GlobalIds
from graphql_api.types import (
    analytics,
    creation_inputs,
    group_relations,
    nested_environments,
    pipeline_triggers,
    protected_environments,
    resource_groups,
    runner_lists,
    schedule_relations,
    variables,
)
from graphql_api.types import project_relations as relations
from graphql_api.types import references as refs
from graphql_api.types.analytics import PipelineAnalytics
from graphql_api.types.creation_inputs import CiConfigVariable, CiInputSpec
from graphql_api.types.project_relations import PipelineCounts
from graphql_api.types.repositories import ProjectPlanLimits, Repository


@strawberry.type(name="Project", description="A git repository whose pipelines run here.")
class Project:
    """Its parent is a row of Project."""

    id = leaf(strawberry.ID, "ID of the project.", GlobalIds("Project"))
    full_path = leaf(strawberry.ID, "Path with its namespace, such as `group/shop`.")
    name = leaf(str, "Name of the project.")
    name_with_namespace = leaf(
        str | None,
        "Name after its namespace, such as `group / Shop`.",
        lambda row: " / ".join([*row.full_path.split("/")[:-1], row.name]),
    )
    description = leaf(str | None, "What the project is.", lambda row: row.description or None)
    web_url = leaf(str | None, "URL of its page.", lambda row: links.absolute(links.project(row)))
    avatar_url = leaf(str | None, "Always null: projects have no pictures here.", lambda row: None)

    pipelines = batched(refs.PIPELINES, relations.pipelines, "Its pipelines, newest first.")
    pipeline = batched(
        refs.PIPELINE | None, relations.pipeline, "One of its pipelines, by exactly one of id, iid and sha."
    )
    pipeline_counts = batched(
        PipelineCounts | None, relations.pipeline_counts, "How many pipelines it has, by what they do."
    )
    pipeline_analytics = batched(
        PipelineAnalytics | None,
        analytics.of_projects,
        "How many pipelines it had, what came of them, and how long they took.",
    )
    job = batched(refs.JOB | None, relations.job, "One of its jobs.")
    jobs = batched(refs.JOBS, relations.jobs, "Its jobs, newest first; retried ones included.")
    environments = batched(refs.ENVIRONMENTS, relations.environments, "Its environments, by name.")
    environment = batched(
        refs.ENVIRONMENT | None, relations.environment, "The first of its environments that fits."
    )
    protected_environments = batched(
        refs.PROTECTED_ENVIRONMENTS,
        protected_environments.of_projects,
        "Extension of Pipeyard: the environments that not everybody may deploy to, by name; null for those who may not "
        "run pipelines here.",
    )
    resource_groups = batched(
        refs.RESOURCE_GROUPS,
        resource_groups.of_projects,
        "Extension of Pipeyard: its resource groups, by name; null for those who may not run pipelines here.",
    )
    nested_environments = batched(
        refs.NESTED_ENVIRONMENTS,
        nested_environments.of_projects,
        "The folders of its environments, and those that are in none, by name.",
    )
    deployment = batched(refs.DEPLOYMENT | None, relations.deployment, "One of its deployments.")
    ci_variables = batched(
        refs.PROJECT_VARIABLES,
        variables.of_projects,
        "The variables that its jobs get; null for all but its maintainers.",
    )
    repository = leaf(Repository | None, "Its git repository.", lambda row: row)
    project_plan_limits = leaf(ProjectPlanLimits | None, "How much it may have.", lambda row: row)
    runners = batched(
        refs.RUNNERS,
        runner_lists.of_projects,
        "The runners that take its jobs: its own, its groups' and everybody's, newest first; null for all but its "
        "maintainers.",
    )
    group = batched(
        refs.PROJECT_GROUP | None, group_relations.of_projects, "The group it is in; null if it is in none."
    )
    inherited_ci_variables = batched(
        refs.INHERITED_VARIABLES,
        group_relations.inherited,
        "The variables that its jobs get from the groups around it; null for all but its maintainers.",
    )
    pipeline_schedules = batched(
        refs.SCHEDULES,
        schedule_relations.of_projects,
        "The schedules that create pipelines of it by the clock.",
    )
    pipeline_triggers = batched(
        refs.TRIGGERS,
        pipeline_triggers.of_projects,
        "The tokens with which other systems create pipelines of it, newest first; null for all but its maintainers.",
    )
    ci_config_variables = batched(
        list[CiConfigVariable] | None,
        creation_inputs.config_variables,
        "The variables at the top of its configuration; null for all but its developers, and without a configuration. "
        "Told of one project in a request.",
    )
    ci_pipeline_creation_inputs = batched(
        list[CiInputSpec] | None,
        creation_inputs.creation_inputs,
        "The inputs that its configuration takes; null for all but its developers, and without a configuration. "
        "Told of one project in a request.",
    )
