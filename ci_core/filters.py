"""Declares the list filters, once for the API and the admin; values may be a query string's or plain Python."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

import django_filters as filters
from django.db.models import Exists, OuterRef, Q, QuerySet

from ci_core import clock
from ci_core.decisions.runner_status import RunnerStatus
from ci_core.models import Artifact, Job, JobKind, Pipeline, Project, Runner, RunnerManager, RunnerType
from ci_core.models.choices import choices
from ci_core.models.querysets import RunnerQuerySet
from ci_core.statuses import Status

FINISHED: Final = (Status.SUCCESS.value, Status.FAILED.value, Status.CANCELED.value)

#: Digits of a whole commit id (SHA-256 ids have more).
FULL_SHA: Final = 40


class PipelineScope(StrEnum):
    """Selections of pipelines that people look at."""

    RUNNING = "running"
    PENDING = "pending"
    FINISHED = "finished"
    BRANCHES = "branches"
    TAGS = "tags"


class NumberInFilter(filters.BaseInFilter, filters.NumberFilter):
    """Takes several numbers; a query string separates them by commas."""


class PipelineFilter(filters.FilterSet):
    """Filters of pipelines."""

    status = filters.ChoiceFilter(choices=choices(Status), label="Status")
    ref = filters.CharFilter(label="Branch or tag")
    sha = filters.CharFilter(method="of_commit", label="Commit, or the beginning of its id")
    source = filters.CharFilter(label="Source")
    scope = filters.ChoiceFilter(choices=choices(PipelineScope), method="in_scope", label="Scope")
    username = filters.CharFilter(field_name="user__username", label="Started by")
    updated_after = filters.IsoDateTimeFilter(
        field_name="updated_at", lookup_expr="gt", label="Updated after"
    )
    updated_before = filters.IsoDateTimeFilter(
        field_name="updated_at", lookup_expr="lt", label="Updated before"
    )
    ids = NumberInFilter(field_name="id", lookup_expr="in", label="Ids")

    class Meta:
        model = Pipeline
        fields: Sequence[str] = ()

    def of_commit(self, rows: QuerySet[Pipeline], name: str, value: str) -> QuerySet[Pipeline]:
        """Pipelines of a commit, by its id or the beginning of it."""
        return rows.filter(sha=value) if len(value) >= FULL_SHA else rows.filter(sha__startswith=value)

    def in_scope(self, rows: QuerySet[Pipeline], name: str, value: str) -> QuerySet[Pipeline]:
        """Running, pending or finished pipelines, or the newest one of each branch or tag."""
        if value in (PipelineScope.BRANCHES, PipelineScope.TAGS):
            newer = Pipeline.objects.without_children().filter(
                project_id=OuterRef("project_id"),
                ref=OuterRef("ref"),
                tag=OuterRef("tag"),
                id__gt=OuterRef("id"),
            )
            return rows.filter(~Exists(newer), tag=value == PipelineScope.TAGS)
        return rows.filter(status__in=FINISHED if value == PipelineScope.FINISHED else [value])


class JobFilter(filters.FilterSet):
    """Filters of jobs."""

    statuses = filters.MultipleChoiceFilter(
        field_name="status", choices=choices(Status), distinct=False, label="Statuses"
    )
    name = filters.CharFilter(lookup_expr="icontains", label="Name contains")
    kind = filters.ChoiceFilter(choices=choices(JobKind), label="Kind")
    retried = filters.BooleanFilter(label="Was retried")
    when = filters.BaseInFilter(field_name="when", lookup_expr="in", label="When")
    sources = filters.BaseInFilter(method="from_sources", label="Sources of the pipeline")
    with_artifacts = filters.BooleanFilter(method="having_artifacts", label="Has artifacts")
    report_types = filters.BaseInFilter(method="having_reports", label="Left reports of these types")
    failure_reason = filters.CharFilter(label="Failure reason")
    runner_types = filters.BaseInFilter(method="taken_by", label="Types of the runner")

    class Meta:
        model = Job
        fields: Sequence[str] = ()

    def from_sources(self, rows: QuerySet[Job], name: str, value: Sequence[str]) -> QuerySet[Job]:
        """Jobs of pipelines that were asked for in one of these ways."""
        if not value:
            return rows
        return rows.filter(Exists(Pipeline.objects.filter(id=OuterRef("pipeline_id"), source__in=value)))

    def having_artifacts(self, rows: QuerySet[Job], name: str, value: bool) -> QuerySet[Job]:
        """Jobs that left artifacts behind, or did not."""
        left = Exists(Artifact.objects.filter(pipeline_id=OuterRef("pipeline_id"), job_id=OuterRef("id")))
        return rows.filter(left if value else ~left)

    def having_reports(self, rows: QuerySet[Job], name: str, value: Sequence[str]) -> QuerySet[Job]:
        """Jobs that left a report of one of these types."""
        reports = Artifact.objects.filter(
            pipeline_id=OuterRef("pipeline_id"), job_id=OuterRef("id"), file_type__in=value
        )
        return rows.filter(Exists(reports)) if value else rows

    def taken_by(self, rows: QuerySet[Job], name: str, value: Sequence[str]) -> QuerySet[Job]:
        """Jobs that a runner of one of these types took."""
        takers = Runner.objects.filter(pk=OuterRef("runner_id"), runner_type__in=value)
        return rows.filter(Exists(takers)) if value else rows


class RunnerFilter(filters.FilterSet):
    """Filters of runners."""

    type = filters.ChoiceFilter(field_name="runner_type", choices=choices(RunnerType), label="Type")
    paused = filters.BooleanFilter(label="Paused")
    tag_list = filters.BaseInFilter(field_name="tags", lookup_expr="contains", label="Has all these tags")
    search = filters.CharFilter(method="matching", label="Description or token")
    status = filters.ChoiceFilter(choices=choices(RunnerStatus), method="reachable", label="Status")
    creator_username = filters.CharFilter(field_name="creator__username", label="Created by")
    version_prefix = filters.CharFilter(method="with_version", label="Version of a machine begins with")

    class Meta:
        model = Runner
        fields: Sequence[str] = ()

    def reachable(self, rows: RunnerQuerySet, name: str, value: str) -> RunnerQuerySet:
        """Runners that can be reached, or not."""
        return rows.with_status(value, clock.now())

    def with_version(self, rows: QuerySet[Runner], name: str, value: str) -> QuerySet[Runner]:
        """Runners with a machine whose program has a version that begins like this."""
        machines = RunnerManager.objects.filter(runner_id=OuterRef("pk"), version__startswith=value)
        return rows.filter(Exists(machines))

    def matching(self, rows: QuerySet[Runner], name: str, value: str) -> QuerySet[Runner]:
        """Runners whose description holds these words, or whose token begins like this."""
        return rows.filter(Q(description__icontains=value) | Q(token_prefix__startswith=value))


class ProjectFilter(filters.FilterSet):
    """Filters of projects."""

    search = filters.CharFilter(method="matching", label="Name, path or description")

    class Meta:
        model = Project
        fields: Sequence[str] = ()

    def matching(self, rows: QuerySet[Project], name: str, value: str) -> QuerySet[Project]:
        """Projects whose name, path or description holds these words."""
        words: dict[str, Any] = {"name": value, "full_path": value, "description": value}
        condition = Q()
        for field, word in words.items():
            condition |= Q(**{f"{field}__icontains": word})
        return rows.filter(condition)
