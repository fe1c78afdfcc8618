"""Owns what a subscription is about: where its news come from, and which rows they make it deliver.

A topic lies in one project: who may see that project may follow it, and every row that it delivers. Its methods run
in threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from django.db.models import Q

from ci_core import models
from ci_core.events.feed import Feed, News, PipelineFeed, ProjectFeed
from ci_core.models.ids import pipeline_of


class Topic(Protocol):
    """What a subscription is about."""

    def feed(self) -> Feed:
        """Where its news come from."""

    def project(self) -> models.Project | None:
        """The project that it lies in; None if what it is about is gone."""

    def rows(self, news: News) -> Sequence[Any]:
        """The rows that subscribers get for some news, as they are now; read with one statement, if any."""


@dataclass(frozen=True, slots=True)
class PipelineTopic:
    """A pipeline, each time that something in it has changed."""

    pipeline_id: int

    def feed(self) -> Feed:
        """See Topic."""
        return PipelineFeed(self.pipeline_id)

    def project(self) -> models.Project | None:
        """See Topic."""
        return models.Project.objects.filter(pipelines=self.pipeline_id).first()

    def rows(self, news: News) -> Sequence[models.Pipeline]:
        """See Topic."""
        return list(models.Pipeline.objects.select_related("project").filter(pk=self.pipeline_id))


@dataclass(frozen=True, slots=True)
class JobTopic(PipelineTopic):
    """A job of a pipeline, each time that it has changed."""

    job_id: int

    @classmethod
    def of(cls, job_id: int) -> JobTopic:
        """The topic of a job."""
        return cls(pipeline_of(job_id), job_id)

    def rows(self, news: News) -> Sequence[Any]:
        """See Topic."""
        return _jobs([self.job_id]) if self.job_id in news.jobs else []


@dataclass(frozen=True, slots=True)
class StageTopic(PipelineTopic):
    """The jobs of a stage, each time that one of them has changed."""

    stage_id: int

    @classmethod
    def of(cls, stage_id: int) -> StageTopic:
        """The topic of a stage."""
        return cls(pipeline_of(stage_id), stage_id)

    def rows(self, news: News) -> Sequence[Any]:
        """See Topic."""
        return [job for job in _jobs(news.jobs) if job.stage_id == self.stage_id]


@dataclass(frozen=True, slots=True)
class ProjectTopic:
    """All of a project; its kinds say what of it."""

    project_id: int

    def feed(self) -> Feed:
        """See Topic."""
        return ProjectFeed(self.project_id)

    def project(self) -> models.Project | None:
        """See Topic."""
        return models.Project.objects.filter(pk=self.project_id).first()


@dataclass(frozen=True, slots=True)
class PipelinesTopic(ProjectTopic):
    """The pipelines of a project, each time that something in one has changed. sha: only those of this commit."""

    sha: str | None

    def rows(self, news: News) -> Sequence[Any]:
        """See Topic."""
        pipelines = models.Pipeline.objects.select_related("project").filter(pk__in=list(news.pipelines))
        if self.sha is not None:
            pipelines = pipelines.filter(sha=self.sha)
        return _in_order(pipelines, news.pipelines)


@dataclass(frozen=True, slots=True)
class JobsTopic(ProjectTopic):
    """The jobs of a project, each time that one was created or has changed."""

    with_artifacts: bool

    def rows(self, news: News) -> Sequence[Any]:
        """See Topic."""
        return _jobs(news.jobs, with_artifacts=self.with_artifacts)


@dataclass(frozen=True, slots=True)
class SchedulesTopic(ProjectTopic):
    """The schedules of a project, each time that one, or the status of its newest pipeline, has changed."""

    def rows(self, news: News) -> Sequence[Any]:
        """See Topic."""
        if not news.schedules and not news.moved:
            return []
        changed = Q(pk__in=list(news.schedules)) | Q(last_pipeline_id__in=list(news.moved))
        schedules = models.PipelineSchedule.objects.select_related("project", "owner")
        return list(schedules.filter(changed, project_id=self.project_id).order_by("pk"))


def _jobs(job_ids: dict[int, None] | list[int], *, with_artifacts: bool = False) -> list[models.Job]:
    if not job_ids:
        return []
    jobs = models.Job.objects.by_ids(job_ids)
    if with_artifacts:
        artifacts = models.Artifact.objects.of_jobs(job_ids)
        jobs = jobs.filter(pk__in=artifacts.values("job_id"))
    return _in_order(jobs, job_ids)


def _in_order(rows: Any, ids: dict[int, None] | list[int]) -> list[Any]:
    """The rows in the order in which they changed."""
    by_id = {row.pk: row for row in rows}
    return [by_id[id_] for id_ in ids if id_ in by_id]
