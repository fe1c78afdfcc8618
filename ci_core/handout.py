"""Everything a runner needs to execute the job it just got, gathered in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ci_core import clock
from ci_core.errors import JobNotRunning, RefNotFound
from ci_core.models import (
    Artifact,
    Environment,
    Job,
    JobDefinition,
    Need,
    Pipeline,
    Runner,
    RunningJob,
    Stage,
)
from ci_core.repositories import open_repository
from ci_core.statuses import SchedulingType
from ci_core.variables import JobVariable, job_variables


@dataclass(frozen=True, slots=True)
class Dependency:
    """An earlier job whose archive the job gets."""

    job: Job
    archive: Artifact


@dataclass(frozen=True, slots=True)
class Handout:
    """A job as its runner gets it. timeout: seconds."""

    job: Job
    pipeline: Pipeline
    stage: Stage
    definition: Mapping[str, Any]
    variables: list[JobVariable]
    dependencies: list[Dependency]
    timeout: int


def prepare(job: Job, runner: Runner) -> Handout:
    """Gathers what the runner needs.

    Raises RepositoryMissing or RefNotFound when the commit is gone, JobNotRunning when the job was cancelled meanwhile.
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
    return Handout(
        job=job,
        pipeline=pipeline,
        stage=stage,
        definition=definition,
        variables=job_variables(job, stage, pipeline, commit, definition, environment, runner),
        dependencies=_dependencies(job, definition.get("dependencies")),
        timeout=max(1, round((running.deadline_at - clock.now()).total_seconds())),
    )


def _dependencies(job: Job, named: Iterable[str] | None) -> list[Dependency]:
    """The finished jobs whose archives the job gets, in the order of the pipeline.

    With `needs`, the needed jobs (those with `artifacts: false` left out); otherwise all jobs of earlier stages;
    `dependencies` narrows either (https://docs.gitlab.com/ci/yaml/#dependencies).
    """
    candidates = Job.objects.in_pipeline(job.pipeline_id).latest_copies().exclude(id=job.pk)
    if job.scheduling_type == SchedulingType.DAG:
        needs = Need.objects.of_jobs([job.pk]).filter(artifacts=True)
        candidates = candidates.filter(name__in=list(needs.values_list("name", flat=True)))
    else:
        candidates = candidates.filter(stage_id__lt=job.stage_id)
    if named is not None:
        candidates = candidates.filter(name__in=list(named))
    jobs = {candidate.pk: candidate for candidate in candidates.in_order()}
    archives = {
        artifact.job_id: artifact for artifact in Artifact.objects.of_jobs(jobs).archives_at(clock.now())
    }
    return [Dependency(jobs[job_id], archives[job_id]) for job_id in jobs if job_id in archives]
