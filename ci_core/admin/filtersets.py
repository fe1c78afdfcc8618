"""FilterSets of what only the support desk lists; those that the API shares stand in `ci_core.filters`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import django_filters as df
from django.conf import settings
from django.db.models import Q, QuerySet

from ci_core import clock
from ci_core.filters import JobFilter, PipelineFilter, ProjectFilter, RunnerFilter
from ci_core.models import DeploymentTier, EnvironmentState, Project, ProjectMembership, Visibility
from ci_core.models.choices import choices
from ci_core.statuses import DeploymentStatus, FailureReason, PipelineSource

TOKEN_STATES: Final = [("active", "active"), ("expired", "expired"), ("revoked", "revoked")]
RUNNER_STATES: Final = [("online", "online"), ("offline", "offline"), ("never", "never contacted")]


def by_id(field: str) -> df.NumberFilter:
    """A filter of an id."""
    return df.NumberFilter(field_name=field, min_value=0, max_value=2**63 - 1)


class OfProject(df.FilterSet):
    """Rows of a project, which is given by its full path."""

    project = df.CharFilter(method="of_project")

    def of_project(self, rows: QuerySet[Any], _name: str, path: str) -> QuerySet[Any]:
        """Asks for the project first, so that the rows are found by their index on it."""
        project_id = Project.objects.filter(full_path=path).values_list("pk", flat=True).first()
        return rows.filter(project_id=project_id) if project_id else rows.none()


class PipelineRows(PipelineFilter, OfProject):
    """Pipelines, as the API filters them, of any project; the sources to choose from."""

    source = df.ChoiceFilter(choices=choices(PipelineSource))  # type: ignore[assignment]


class JobRows(JobFilter, OfProject):
    """Jobs, as the API filters them. A pipeline, a project or a runner leaves rows that an index finds."""

    pipeline = by_id("pipeline_id")
    runner = by_id("runner_id")
    failure_reason = df.ChoiceFilter(choices=choices(FailureReason))  # type: ignore[assignment]


class EnvironmentRows(OfProject):
    """Environments."""

    state = df.ChoiceFilter(choices=choices(EnvironmentState))
    tier = df.ChoiceFilter(choices=choices(DeploymentTier))


class ProtectedEnvironmentRows(OfProject):
    """Limits of who may deploy. user: named by them."""

    access_level = df.ChoiceFilter(choices=ProjectMembership.LEVELS)
    user = df.CharFilter(field_name="users__username")


class DeploymentRows(OfProject):
    """Deployments."""

    environment = df.CharFilter(field_name="environment__name")
    status = df.ChoiceFilter(choices=choices(DeploymentStatus))


class _StoredVariableRows(df.FilterSet):
    """Variables of projects or of groups."""

    environment_scope = df.CharFilter()
    masked = df.BooleanFilter()
    protected = df.BooleanFilter()


class VariableRows(_StoredVariableRows, OfProject):
    """Variables of projects."""


class GroupVariableRows(_StoredVariableRows):
    """Variables of groups; the group is given by its full path."""

    group = df.CharFilter(field_name="group__full_path")


class RunnerRows(RunnerFilter):
    """Runners, as the API filters them, and by whether they are there."""

    state = df.ChoiceFilter(choices=RUNNER_STATES, method="by_state")

    def by_state(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Runners that were heard of lately, or not lately, or never."""
        if value == "never":
            return rows.filter(contacted_at=None)
        since = clock.now() - timedelta(seconds=settings.PIPEYARD_RUNNER_SILENCE_SECONDS)
        return (
            rows.filter(contacted_at__gt=since) if value == "online" else rows.filter(contacted_at__lte=since)
        )


class TokenRows(df.FilterSet):
    """Personal access tokens."""

    user = df.CharFilter(field_name="user__username")
    state = df.ChoiceFilter(choices=TOKEN_STATES, method="by_state")

    def by_state(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Tokens that work, have run out, or were revoked."""
        if value == "revoked":
            return rows.filter(revoked_at__isnull=False)
        rows, now = rows.filter(revoked_at=None), clock.now()
        if value == "expired":
            return rows.filter(expires_at__lte=now)
        return rows.filter(Q(expires_at=None) | Q(expires_at__gt=now))


class TriggerRows(OfProject):
    """Pipeline trigger tokens."""

    owner = df.CharFilter(field_name="owner__username")
    state = df.ChoiceFilter(choices=[("active", "active"), ("expired", "expired")], method="by_state")

    def by_state(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Tokens that have run out, or not."""
        now = clock.now()
        if value == "expired":
            return rows.filter(expires_at__lte=now)
        return rows.filter(Q(expires_at=None) | Q(expires_at__gt=now))


class RegistrationTokenRows(OfProject):
    """Registration tokens."""

    state = df.ChoiceFilter(choices=[("active", "active"), ("revoked", "revoked")], method="by_state")

    def by_state(self, rows: QuerySet[Any], _name: str, value: str) -> QuerySet[Any]:
        """Tokens that work, or were revoked."""
        return rows.filter(revoked_at__isnull=value == "active")


class ProjectRows(ProjectFilter):
    """Projects, as the API filters them, and by visibility."""

    visibility = df.ChoiceFilter(choices=choices(Visibility))


class UserRows(df.FilterSet):
    """Users."""

    is_active = df.BooleanFilter()
    is_staff = df.BooleanFilter()
    is_superuser = df.BooleanFilter()
