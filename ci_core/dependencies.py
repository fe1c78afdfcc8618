"""Whose archives a job gets: of earlier jobs of its pipeline, and of jobs of other pipelines that `needs` names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ci_core import access, clock
from ci_core.compiler import expand
from ci_core.errors import DependencyMissing
from ci_core.models import Artifact, DownstreamPipeline, Job, Need, Pipeline, Project, User
from ci_core.statuses import AccessLevel, PipelineSource, SchedulingType, Status

#: Newest successful pipelines of a ref that are looked through for a job.
NEWEST: Final = 20


@dataclass(frozen=True, slots=True)
class Dependency:
    """An earlier job whose archive the job gets."""

    job: Job
    archive: Artifact


def of_pipeline(job: Job, named: Iterable[str] | None) -> list[Dependency]:
    """The finished jobs of its own pipeline whose archives the job gets, in the order of the pipeline.

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
    return _with_archives(candidates.in_order())


def of_others(
    pipeline: Pipeline, job: Job, cross_needs: Sequence[Mapping[str, Any]], known: Mapping[str, str]
) -> list[Dependency]:
    """The jobs of other pipelines whose archives the job gets.

    cross_needs: as the job's definition keeps them; known: the job's variables, which may stand in all their parts.
    Raises DependencyMissing for one that there is not.
    """
    found = []
    for need in cross_needs:
        given = {key: expand(value, known) for key, value in need.items() if value is not None}
        jobs = _of_project(job, given) if "project" in given else _of_family(pipeline, given)
        dependencies = _with_archives(jobs)
        if not dependencies:
            where = f"project {given['project']}" if "project" in given else f"pipeline {given['pipeline']}"
            raise DependencyMissing(
                f"{job.name} needs artifacts of job {given['job']} of {where}: there is no such job that succeeded and "
                "still has some, or whoever started the job may not fetch them."
            )
        found.append(dependencies[0])
    return found


def _of_project(job: Job, need: Mapping[str, str]) -> list[Job]:
    """The job in the newest successful pipelines of a ref, newest first.

    For who has at least the Reporter role, or for everybody in a public project
    (https://docs.gitlab.com/ci/yaml/#needsproject).
    """
    user = User.objects.filter(pk=job.user_id, is_active=True).first() if job.user_id else None
    project = Project.objects.visible_to(user).filter(full_path=need["project"]).first()
    if project is None:
        return []
    principal = access.signed_in(user) if user is not None else access.anonymous()
    if project.visibility != "public" and principal.level_in(project.pk) < AccessLevel.REPORTER:
        return []
    newest = (
        Pipeline.objects.filter(project=project, ref=need["ref"], status=Status.SUCCESS.value)
        .exclude(source=PipelineSource.PARENT_PIPELINE.value)
        .newest_first()
    )
    ids = list(newest.values_list("pk", flat=True)[:NEWEST])
    return _succeeded(ids, need["job"])


def _of_family(pipeline: Pipeline, need: Mapping[str, str]) -> list[Job]:
    """The job of a pipeline of the same family of parents and children.

    Source: https://docs.gitlab.com/ci/yaml/#needspipelinejob
    """
    wanted = need["pipeline"]
    if not (wanted.isascii() and wanted.isdigit() and len(wanted) < 19):
        return []
    links = DownstreamPipeline.objects.filter(pk__in=[pipeline.pk, int(wanted)])
    roots = dict(links.values_list("pk", "root_id"))
    if roots.get(int(wanted), int(wanted)) != roots.get(pipeline.pk, pipeline.pk):
        return []
    if not Pipeline.objects.filter(pk=int(wanted), project_id=pipeline.project_id).exists():
        return []
    return _succeeded([int(wanted)], need["job"])


def _succeeded(pipeline_ids: Sequence[int], name: str) -> list[Job]:
    jobs = Job.objects.in_pipelines(pipeline_ids).latest_copies().filter(name=name)
    return list(jobs.filter(status=Status.SUCCESS.value).order_by("-pipeline_id", "-id"))


def _with_archives(candidates: Iterable[Job]) -> list[Dependency]:
    """Those of the jobs that have an archive, in their order."""
    jobs = {candidate.pk: candidate for candidate in candidates}
    archives = {
        artifact.job_id: artifact for artifact in Artifact.objects.of_jobs(jobs).archives_at(clock.now())
    }
    return [Dependency(jobs[job_id], archives[job_id]) for job_id in jobs if job_id in archives]
