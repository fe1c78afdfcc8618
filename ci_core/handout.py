"""Everything a runner needs to execute the job it just got, gathered in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ci_core import clock, dependencies
from ci_core.compiler.inputs.jobs import JobInput, from_json, values_of
from ci_core.dependencies import Dependency
from ci_core.errors import JobNotRunning, RefNotFound
from ci_core.models import (
    Environment,
    Job,
    JobDefinition,
    Pipeline,
    Runner,
    RunningJob,
    Stage,
)
from ci_core.repositories import open_repository
from ci_core.variables import JobVariable, job_variables


@dataclass(frozen=True, slots=True)
class Handout:
    """A job as its runner gets it. timeout: seconds."""

    job: Job
    pipeline: Pipeline
    stage: Stage
    definition: Mapping[str, Any]
    variables: list[JobVariable]
    inputs: list[JobInput]
    dependencies: list[Dependency]
    timeout: int


def prepare(job: Job, runner: Runner) -> Handout:
    """Gathers what the runner needs.

    Raises RepositoryMissing or RefNotFound when the commit is gone, DependencyMissing when another pipeline's artifacts
    are, and JobNotRunning when the job was cancelled meanwhile.
    """
    running = RunningJob.objects.filter(job_id=job.pk).first()
    if running is None:
        raise JobNotRunning(f"{job.name} was cancelled before its runner got it.")
    pipeline = Pipeline.objects.select_related("project", "user").get(pk=job.pipeline_id)
    stage = Stage.objects.by_ids([job.stage_id]).get()
    definition = JobDefinition.objects.by_ids([job.definition_id]).get().content
    environment = None
    if job.environment_name:
        environment = Environment.objects.filter(project_id=job.project_id, name=job.environment_name).first()
    commit = open_repository(pipeline.project).commit(pipeline.sha, pipeline.ref, pipeline.tag)
    if commit is None:
        raise RefNotFound(f"Commit {pipeline.sha} is not in the repository any more.")
    variables = job_variables(job, stage, pipeline, commit, definition, environment, runner)
    known = {variable.key: variable.value for variable in variables}
    return Handout(
        job=job,
        pipeline=pipeline,
        stage=stage,
        definition=definition,
        variables=variables,
        inputs=values_of(from_json(definition.get("inputs")), job.given_inputs),
        dependencies=[
            *dependencies.of_pipeline(job, definition.get("dependencies")),
            *dependencies.of_others(pipeline, job, definition.get("cross_needs") or (), known),
        ],
        timeout=max(1, round((running.deadline_at - clock.now()).total_seconds())),
    )
