"""The variables that a runner gets with a job, lowest precedence first: the last of a name wins.

Precedence: https://docs.gitlab.com/ci/variables/#cicd-variable-precedence
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from ci_core import tokens
from ci_core.models import (
    DownstreamPipeline,
    Environment,
    GroupVariable,
    Job,
    Pipeline,
    PipelineVariable,
    Project,
    ProjectVariable,
    Runner,
    ScheduleRun,
    Stage,
    TriggeredPipeline,
    VariableType,
)
from ci_core.names import group_name, in_scope, slug
from ci_core.repositories import Commit
from ci_core.statuses import DOWNSTREAM_SOURCES, PipelineSource, When
from ci_core.variables import predefined, stored


@dataclass(frozen=True, slots=True)
class JobVariable:
    """One variable of a job. raw: `$OTHER` in it is not expanded. file: the job gets a path to a file with it."""

    key: str
    value: str
    public: bool = True
    masked: bool = False
    raw: bool = False
    file: bool = False


def job_variables(
    job: Job,
    stage: Stage,
    pipeline: Pipeline,
    commit: Commit,
    definition: Mapping[str, Any],
    environment: Environment | None,
    runner: Runner | None,
) -> list[JobVariable]:
    """All variables of a job that a runner is about to get. runner: None for a trigger job, which gets no token."""
    project = pipeline.project
    return [
        *_plain(predefined.of_server()),
        *_plain(predefined.of_project(project)),
        *_plain(predefined.of_commit(commit, pipeline.before_sha, pipeline.protected, pipeline.source)),
        *_plain(predefined.of_config(project, commit)),
        *_plain(_of_pipeline(pipeline)),
        *_plain(_of_user(job, pipeline)),
        *_plain(_of_schedule(pipeline)),
        *_plain(_of_trigger(pipeline)),
        *_plain(_of_upstream(pipeline)),
        *_plain(_of_job(job, stage, pipeline, runner)),
        *(_secret(job, project) if runner else ()),
        *_of_environment(environment, definition.get("environment") or {}),
        *(
            JobVariable(entry["key"], str(entry["value"]), raw=bool(entry.get("raw")))
            for entry in definition.get("variables", [])
        ),
        *_stored(stored.of_project(project), job, pipeline),
        *(
            JobVariable(
                given.key,
                given.value,
                public=False,
                raw=given.raw,
                file=given.variable_type == VariableType.FILE,
            )
            for given in PipelineVariable.objects.in_pipeline(pipeline.pk).order_by("pipeline_id", "id")
        ),
        *(
            JobVariable(
                given["key"], given["value"], public=False, file=given["variable_type"] == VariableType.FILE
            )
            for given in job.given_variables or ()
        ),
    ]


def _plain(values: Mapping[str, str]) -> Iterator[JobVariable]:
    return (JobVariable(key, value, raw=True) for key, value in values.items())


def _of_user(job: Job, pipeline: Pipeline) -> dict[str, str]:
    """Who started the pipeline or, of a manual job, the job."""
    user = pipeline.user if job.user_id == pipeline.user_id else job.user
    return predefined.of_user(user) or dict.fromkeys(predefined.OF_USER, "")


def _of_pipeline(pipeline: Pipeline) -> dict[str, str]:
    return {
        "CI_PIPELINE_ID": str(pipeline.pk),
        "CI_PIPELINE_IID": str(pipeline.iid),
        "CI_PIPELINE_SOURCE": pipeline.source,
        "CI_PIPELINE_NAME": pipeline.name,
        "CI_PIPELINE_URL": f"{settings.PIPEYARD_EXTERNAL_URL}/{pipeline.project.full_path}/-/pipelines/{pipeline.pk}",
        "CI_PIPELINE_CREATED_AT": pipeline.created_at.isoformat(),
    }


def _of_schedule(pipeline: Pipeline) -> dict[str, str]:
    if pipeline.source != PipelineSource.SCHEDULE:
        return {}
    run = ScheduleRun.objects.select_related("schedule").filter(pipeline_id=pipeline.pk).first()
    return {"CI_PIPELINE_SCHEDULE_DESCRIPTION": run.schedule.description} if run else {}


def _of_trigger(pipeline: Pipeline) -> dict[str, str]:
    if pipeline.source != PipelineSource.TRIGGER:
        return {}
    link = TriggeredPipeline.objects.filter(pk=pipeline.pk).first()
    return {"CI_PIPELINE_TRIGGERED": "true"} | ({"CI_TRIGGER_SHORT_TOKEN": link.short_token} if link else {})


def _of_upstream(pipeline: Pipeline) -> dict[str, str]:
    if pipeline.source not in DOWNSTREAM_SOURCES:
        return {}
    link = DownstreamPipeline.objects.filter(pk=pipeline.pk).first()
    if link is None:
        return {}
    return predefined.of_upstream(link.source_pipeline_id, link.source_project_id, link.source_job_id)


def _of_job(job: Job, stage: Stage, pipeline: Pipeline, runner: Runner | None) -> dict[str, str]:
    started = job.started_at.isoformat() if job.started_at else ""
    known = {
        "CI_JOB_ID": str(job.pk),
        "CI_JOB_NAME": job.name,
        "CI_JOB_GROUP_NAME": group_name(job.name),
        "CI_JOB_STAGE": stage.name,
        "CI_JOB_URL": f"{settings.PIPEYARD_EXTERNAL_URL}/{pipeline.project.full_path}/-/jobs/{job.pk}",
        "CI_JOB_STARTED_AT": started,
        "CI_JOB_STARTED_AT_SLUG": slug(started),
        "CI_NODE_TOTAL": "1",  # copies of a job have another in their definition, which wins
        "CI_JOB_NAME_SLUG": slug(job.name),
        **({"CI_JOB_MANUAL": "true"} if job.when == When.MANUAL else {}),
    }
    if runner is None:
        return known
    return known | {
        "CI_SERVER": "yes",
        "CI_RUNNER_ID": str(runner.pk),
        "CI_RUNNER_DESCRIPTION": runner.description,
        "CI_RUNNER_TAGS": json.dumps(runner.tags, ensure_ascii=False),
    }


def _secret(job: Job, project: Project) -> Iterator[JobVariable]:
    url = repository_url(job, project)
    yield JobVariable("CI_JOB_TOKEN", tokens.job_token(job), public=False, masked=True, raw=True)
    yield JobVariable("CI_REPOSITORY_URL", url, public=False, masked=True, raw=True)


def repository_url(job: Job, project: Project) -> str:
    """Where the job clones its project from, with its token in it."""
    scheme, _, rest = settings.PIPEYARD_EXTERNAL_URL.partition("://")
    return f"{scheme}://gitlab-ci-token:{tokens.job_token(job)}@{rest}/{project.full_path}.git"


def _of_environment(environment: Environment | None, own: Mapping[str, Any]) -> Iterator[JobVariable]:
    """own: the environment as the job's definition keeps it; its URL may refer to the job's other variables."""
    if environment is None:
        return
    known = {
        "CI_ENVIRONMENT_ID": str(environment.pk),
        "CI_ENVIRONMENT_NAME": environment.name,
        "CI_ENVIRONMENT_SLUG": environment.slug,
        "CI_ENVIRONMENT_TIER": environment.tier,
        "CI_ENVIRONMENT_ACTION": own.get("action") or "start",
    }
    yield from _plain(known)
    url = own.get("url")
    yield JobVariable("CI_ENVIRONMENT_URL", url or environment.external_url, raw=not url)


def _stored(
    variables: Iterable[ProjectVariable | GroupVariable], job: Job, pipeline: Pipeline
) -> Iterator[JobVariable]:
    """Those of the variables whose scope fits the job's environment, protected ones only for protected refs."""
    for variable in variables:
        if variable.protected and not pipeline.protected:
            continue
        if not in_scope(job.environment_name, variable.environment_scope):
            continue
        yield JobVariable(
            variable.key,
            variable.value,
            public=False,
            masked=variable.masked,
            raw=variable.raw,
            file=variable.variable_type == VariableType.FILE,
        )
