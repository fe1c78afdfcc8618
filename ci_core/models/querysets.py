"""Every reusable filter of the models."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from ci_core.decisions.runner_status import ONLINE_FOR, STALE_AFTER, RunnerStatus
from ci_core.models import ids
from ci_core.statuses import CANCELABLE, AccessLevel, PipelineSource

if TYPE_CHECKING:
    from ci_core.models.projects import Project
    from ci_core.models.users import User


class AnyOf(models.Func):
    """Whether a column has one of the values of a list, as one parameter: `IN` takes a parameter for each of them."""

    template = "%(expressions)s)"
    arg_joiner = " = ANY("
    output_field = models.BooleanField()


def own_or_around(path: str) -> Any:
    """An expression: the ids of a row's group and of those around it, each as a row of its own."""
    return models.Func(models.F(path), function="unnest", output_field=models.BigIntegerField())


class GroupQuerySet(models.QuerySet[Any]):
    """Filters of groups."""

    def with_member(self, user: User, at_least: int = AccessLevel.GUEST) -> Self:
        """Groups in which the user has this role, be it by a group around them."""
        own = self.model.members.through.objects.filter(user=user, access_level__gte=at_least)
        return self.filter(traversal_ids__overlap=ArraySubquery(own.values("group_id")))

    def within(self, group_ids: Iterable[int]) -> Self:
        """These groups, and all groups in them."""
        return self.filter(traversal_ids__overlap=list(group_ids))

    def around(self, groups: models.QuerySet[Any]) -> Self:
        """These groups, and all groups around them."""
        ids = groups.order_by().annotate(around=own_or_around("traversal_ids"))
        return self.filter(pk__in=ids.values("around"))

    def holding(self, projects: models.QuerySet[Any]) -> Self:
        """Groups that hold some of these projects, be it in groups in them."""
        inside = projects.order_by().filter(group__traversal_ids__contains=[models.OuterRef("pk")])
        return self.filter(models.Exists(inside))

    def visible_to(self, user: User | None) -> Self:
        """Groups that hold a project that `user` may see, and those that they are a member of; admins see all."""
        if user is not None and user.is_superuser:
            return self
        projects = self.model._meta.get_field("projects").related_model.objects.visible_to(user)
        inside = projects.order_by().filter(group__traversal_ids__contains=[models.OuterRef("pk")])
        if user is None:
            return self.filter(models.Exists(inside))
        member = self.model.objects.with_member(user)
        return self.filter(Q(models.Exists(inside)) | Q(pk__in=member.values("pk")))


class GroupVariableQuerySet(models.QuerySet[Any]):
    """Filters of variables of groups."""

    def of_project(self, project: Project) -> Self:
        """Those that the jobs of a project get, with their groups; nothing is read for a project in no group."""
        if project.group_id is None:
            return self.none()
        groups = self.model._meta.get_field("group").related_model.objects
        own = groups.filter(pk=project.group_id)
        return self.filter(group__in=groups.around(own)).select_related("group")


class ProjectQuerySet(models.QuerySet[Any]):
    """Filters of projects."""

    def with_member(self, user: User, at_least: int = AccessLevel.GUEST) -> Self:
        """Projects in which the user has this role, be it by a group around them."""
        own = self.model.members.through.objects.filter(user=user, access_level__gte=at_least)
        groups = self.model._meta.get_field("group").related_model.objects.with_member(user, at_least)
        return self.filter(Q(pk__in=own.values("project_id")) | Q(group_id__in=groups.values("pk")))

    def within(self, group_ids: Iterable[int]) -> Self:
        """Projects in these groups, or in groups in them."""
        return self.filter(group__traversal_ids__overlap=list(group_ids))

    def visible_to(self, user: User | None) -> Self:
        """Projects that `user` (None: nobody signed in) may see; admins see all."""
        if user is not None and user.is_superuser:
            return self
        if user is None:
            return self.filter(visibility="public")
        member = self.model.objects.with_member(user)
        return self.filter(Q(visibility__in=["public", "internal"]) | Q(pk__in=member.values("pk")))


class RunnerQuerySet(models.QuerySet[Any]):
    """Filters of runners."""

    def with_status(self, status: str, now: datetime) -> Self:
        """Those that can, or cannot, be reached: as `decisions.runner_status` tells it of one."""
        old = now - STALE_AFTER
        never = Q(contacted_at__isnull=True)
        fresh = Q(contacted_at__gte=old) | Q(created_at__gte=old)
        conditions = {
            RunnerStatus.ONLINE: Q(contacted_at__gt=now - ONLINE_FOR),
            RunnerStatus.STALE: Q(created_at__lt=old) & (never | Q(contacted_at__lt=old)),
            RunnerStatus.NEVER_CONTACTED: never & fresh,
            RunnerStatus.OFFLINE: Q(contacted_at__lte=now - ONLINE_FOR) & fresh,
        }
        return self.filter(conditions[RunnerStatus(status)])

    def with_running_jobs(self) -> Self:
        """Each with `running_jobs`, the number of jobs that it has now."""
        running = self.model._meta.get_field("runningjob").related_model
        counted = (
            running.objects.filter(runner_id=models.OuterRef("pk"))
            .order_by()
            .values("runner_id")
            .annotate(jobs=models.Count("job_id"))
        )
        return self.annotate(running_jobs=Coalesce(models.Subquery(counted.values("jobs")), 0))

    def available_to(self, project_id: Any) -> Self:
        """Those that take jobs of a project: its own, its groups', and everybody's.

        project_id: a number or an expression.
        """
        through = self.model.projects.through
        assigned = models.Exists(
            through.objects.filter(runner_id=models.OuterRef("pk"), project_id=project_id)
        )
        projects = through._meta.get_field("project").related_model.objects.filter(pk=project_id)
        groups = projects.annotate(around=own_or_around("group__traversal_ids")).values("around")
        return self.filter(
            Q(runner_type="instance_type")
            | Q(assigned, runner_type="project_type")
            | Q(runner_type="group_type", group_id__in=groups)
        )


class PipelineQuerySet(models.QuerySet[Any]):
    """Filters of pipelines."""

    def without_children(self) -> Self:
        """Without child pipelines, which stand with their parents and not in lists of a project's pipelines.

        Source: https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#parent-child-pipelines
        """
        return self.exclude(source=PipelineSource.PARENT_PIPELINE.value)

    def newest_first(self) -> Self:
        """In the order of lists."""
        return self.order_by("-id")


class InPipelineQuerySet(models.QuerySet[Any]):
    """Filters of rows that are partitioned by their pipeline."""

    def in_pipeline(self, pipeline_id: int) -> Self:
        """Rows of one pipeline: one partition."""
        return self.filter(pipeline_id=pipeline_id)

    def in_pipelines(self, pipeline_ids: Iterable[int]) -> Self:
        """Rows of some pipelines: the partitions that hold them."""
        return self.filter(pipeline_id__in=list(pipeline_ids))

    def by_ids(self, row_ids: Iterable[int]) -> Self:
        """Rows whose ids carry their pipeline directly (jobs, stages, definitions, variables, traces)."""
        row_ids = list(row_ids)
        return self.filter(pipeline_id__in={ids.pipeline_of(row_id) for row_id in row_ids}, id__in=row_ids)

    def of_jobs(self, job_ids: Iterable[int]) -> Self:
        """Rows that belong to some jobs (needs, artifacts, chunks)."""
        job_ids = list(job_ids)
        return self.filter(
            AnyOf(models.F("job_id"), models.Value(job_ids)),
            pipeline_id__in={ids.pipeline_of(job_id) for job_id in job_ids},
        )


class JobQuerySet(InPipelineQuerySet):
    """Filters of jobs."""

    def cancelable(self) -> Self:
        """Those that cancelling their pipeline cancels: the latest copies that wait or run, but not manual ones."""
        return self.latest_copies().filter(status__in=[status.value for status in CANCELABLE])

    def latest_copies(self) -> Self:
        """Without the copies that were retried."""
        return self.filter(retried=False)

    def in_order(self) -> Self:
        """As the configuration lists them; retries beside what they retry."""
        return self.order_by("pipeline_id", "number", "id")


class ArtifactQuerySet(InPipelineQuerySet):
    """Filters of artifacts."""

    def archives_at(self, now: datetime) -> Self:
        """Archives that have not expired by then: what other jobs and people may still fetch."""
        return self.filter(Q(expire_at__isnull=True) | Q(expire_at__gt=now), file_type="archive")

    def by_artifact_id(self, artifact_id: int) -> Self:
        """The artifact with this id: one partition."""
        return self.filter(pipeline_id=ids.pipeline_of(ids.job_of(artifact_id)), id=artifact_id)
