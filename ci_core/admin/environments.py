"""Environments and deployments in the support desk: to read, and to stop an environment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ci_core.actions.stopping import stop_environment
from ci_core.admin import display
from ci_core.admin.base import DeskAdmin
from ci_core.admin.display import Section
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import DeploymentRows, EnvironmentRows
from ci_core.admin.protections import protection_of
from ci_core.admin.verbs import Only, Verb
from ci_core.models import Deployment, Environment, EnvironmentState

#: Deployments that an environment's page shows.
MOST_DEPLOYMENTS: Final = 50


def _stop(request: HttpRequest, environment: Environment) -> None:
    stop_environment(environment.pk, acting_user=request.user)  # type: ignore[arg-type]


@admin.register(Environment)
class EnvironmentAdmin(DeskAdmin[Environment]):
    """Environments."""

    joined = ("project",)
    ordering = ("-id",)
    sortable_by = ()
    list_display = ("id", "name", "of_project", "up", "tier", "external_url", "stops", "updated")
    list_filter = (
        from_filterset(EnvironmentRows, "state"),
        from_filterset(EnvironmentRows, "tier"),
        from_filterset(EnvironmentRows, "project", placeholder="group/project"),
    )
    search_fields = ("name", "slug", "project__full_path")
    search_help_text = "Name or project path"
    fieldsets = (
        (None, {"fields": (("name", "slug"), ("project", "up"), ("tier", "external_url"), "description")}),
        ("Times (UTC)", {"fields": (("created", "updated"), ("stops", "stopping"))}),
    )
    readonly_fields = ("up", "created", "updated", "stops", "stopping")
    verbs = (
        Verb(
            "stop",
            "Stop",
            "stopped",
            _stop,
            Only(
                lambda row: row.state == EnvironmentState.AVAILABLE,
                "only an environment that is available can be stopped.",
            ),
            caution=True,
        ),
    )

    def sections(self, request: HttpRequest, row: Environment) -> Iterable[Section]:
        """Who may deploy to it, and the newest deployments."""
        yield protection_of(row)
        newest = row.deployments.select_related("user").order_by("-id")[:MOST_DEPLOYMENTS]
        rows = [
            (
                display.link("deployment", deployment.pk, f"#{deployment.iid}"),
                display.badge(deployment.status),
                deployment.ref,
                format_html("<code>{}</code>", display.sha(deployment.sha)),
                display.link("job", deployment.job_id, f"#{deployment.job_id}"),
                deployment.user.username if deployment.user else display.NOTHING,
                display.moment(deployment.created_at),
                display.moment(deployment.finished_at),
            )
            for deployment in newest
        ]
        headers = ("Deployment", "Status", "Ref", "Commit", "Job", "User", "Created (UTC)", "Finished (UTC)")
        yield display.table("Newest deployments", headers, rows, empty="Nothing was deployed yet.")

    @admin.display(description="Project")
    def of_project(self, row: Environment) -> str:
        """Full path of the project."""
        return row.project.full_path

    @admin.display(description="State")
    def up(self, row: Environment) -> SafeString:
        """Whether it is up."""
        return display.badge(row.state)

    @admin.display(description="Stops by itself")
    def stops(self, row: Environment) -> str:
        """When it is to be stopped."""
        return display.moment(row.auto_stop_at)

    @admin.display(description="Stopping since")
    def stopping(self, row: Environment) -> str:
        """Since when its stop jobs are at work."""
        return display.moment(row.stopping_since)

    @admin.display(description="Created")
    def created(self, row: Environment) -> str:
        """When a job named it first."""
        return display.moment(row.created_at)

    @admin.display(description="Updated")
    def updated(self, row: Environment) -> str:
        """When it changed last."""
        return display.moment(row.updated_at)


@admin.register(Deployment)
class DeploymentAdmin(DeskAdmin[Deployment]):
    """Deployments; each follows its job."""

    joined = ("project", "environment", "user")
    ordering = ("-id",)
    sortable_by = ()
    list_display = ("id", "iid", "of_project", "to", "state", "ref", "commit", "job", "created", "finished")
    list_filter = (
        from_filterset(DeploymentRows, "status"),
        from_filterset(DeploymentRows, "environment", placeholder="production"),
        from_filterset(DeploymentRows, "project", placeholder="group/project"),
    )
    search_fields = ("ref", "=sha", "environment__name", "project__full_path")
    search_help_text = "Ref, commit, environment or project path"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state", "iid"),
                    ("project", "environment"),
                    ("ref", "tag"),
                    "sha",
                    ("job", "user"),
                )
            },
        ),
        ("Times (UTC)", {"fields": (("created", "finished"),)}),
    )
    readonly_fields = ("state", "job", "created", "finished")

    @admin.display(description="Project")
    def of_project(self, row: Deployment) -> str:
        """Full path of the project."""
        return row.project.full_path

    @admin.display(description="Environment")
    def to(self, row: Deployment) -> str:
        """The environment's name."""
        return row.environment.name

    @admin.display(description="Status")
    def state(self, row: Deployment) -> SafeString:
        """The status as a label."""
        return display.badge(row.status)

    @admin.display(description="Commit")
    def commit(self, row: Deployment) -> SafeString:
        """The commit's first characters."""
        return format_html("<code>{}</code>", display.sha(row.sha))

    @admin.display(description="Job")
    def job(self, row: Deployment) -> SafeString:
        """The job that deploys."""
        return display.link("job", row.job_id, f"#{row.job_id}")

    @admin.display(description="Created")
    def created(self, row: Deployment) -> str:
        """When it was planned."""
        return display.moment(row.created_at)

    @admin.display(description="Finished")
    def finished(self, row: Deployment) -> str:
        """When it ended."""
        return display.moment(row.finished_at)
