"""Projects in the support desk: settings, members, and the newest pipelines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ci_core.actions.projects import add_member, create_project, remove_member, update_project
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.display import Section, Table
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import ProjectRows
from ci_core.admin.members import MembershipFormSet, NewMembers, PresentMembers
from ci_core.models import Pipeline, Project, ProjectMembership, Visibility

if TYPE_CHECKING:
    from ci_core.models import User

#: Pipelines that a project's page shows.
MOST_PIPELINES: Final = 20


class ProjectMembershipFormSet(MembershipFormSet):
    """Stores members of a project."""

    of = "project"
    add_member = staticmethod(add_member)
    remove_member = staticmethod(remove_member)


class MembersInline(PresentMembers):
    """Present members of a project."""

    model = ProjectMembership
    formset = ProjectMembershipFormSet


class NewMembersInline(NewMembers):
    """New members of a project."""

    model = ProjectMembership
    formset = ProjectMembershipFormSet


@admin.register(Project)
class ProjectAdmin(WritingAdmin[Project]):
    """Projects. A path stays as it is; a project with its pipelines cannot be deleted here."""

    form = ActionForm
    ordering = ("full_path",)
    sortable_by = ("full_path",)
    list_display = (
        "full_path",
        "name",
        "visibility",
        "default_branch",
        "pipelines_link",
        "jobs_link",
        "created",
    )
    list_filter = (from_filterset(ProjectRows, "visibility"),)
    search_fields = ("full_path", "name")
    search_help_text = "Path or name"
    _settings = (
        ("name", "visibility"),
        "description",
        ("default_branch", "ci_config_path"),
        ("repository_path", "build_timeout"),
        "prevent_outdated_deployments",
    )
    add_fieldsets = ((None, {"fields": ("full_path", *_settings)}),)
    fieldsets = (
        (None, {"fields": ("full_path", *_settings)}),
        (
            "More",
            {"fields": (("pipelines_link", "jobs_link"), ("variables_link", "environments_link"), "created")},
        ),
    )
    readonly_fields = ("pipelines_link", "jobs_link", "variables_link", "environments_link", "created")
    inlines = (MembersInline, NewMembersInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Project | None = None) -> Any:
        """A project's path is chosen once."""
        shown = super().get_readonly_fields(request, obj)
        return (*shown, "full_path") if obj else shown

    def get_inlines(self, request: HttpRequest, obj: Project | None) -> Any:
        """Members come after the project; whoever makes it is its first."""
        return super().get_inlines(request, obj) if obj else ()

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> Project:
        """Makes the project, owned by the user."""
        user: User = request.user  # type: ignore[assignment]
        path, repository = entered["full_path"], entered["repository_path"]
        project = create_project(path, acting_user=user, repository_path=repository, name=entered["name"])
        self.update(request, project, {**entered, "name": project.name})
        return project

    def update(self, request: HttpRequest, row: Project, entered: dict[str, Any]) -> None:
        """Changes the project's settings."""
        given = {key: value for key, value in entered.items() if key != "full_path"}
        update_project(row, **{**given, "visibility": Visibility(given["visibility"])})

    def sections(self, request: HttpRequest, row: Project) -> Iterable[Section]:
        """The newest pipelines."""
        yield _newest_pipelines(row)

    @admin.display(description="Pipelines")
    def pipelines_link(self, row: Project) -> SafeString:
        """The project's pipelines."""
        return _list_of("pipeline", row, "pipelines")

    @admin.display(description="Jobs")
    def jobs_link(self, row: Project) -> SafeString:
        """The project's jobs."""
        return _list_of("job", row, "jobs")

    @admin.display(description="Variables")
    def variables_link(self, row: Project) -> SafeString:
        """The project's variables."""
        return _list_of("projectvariable", row, "variables")

    @admin.display(description="Environments")
    def environments_link(self, row: Project) -> SafeString:
        """The project's environments."""
        return _list_of("environment", row, "environments")

    @admin.display(description="Created (UTC)")
    def created(self, row: Project) -> str:
        """When it was made."""
        return display.moment(row.created_at)


def _list_of(model: str, project: Project, words: str) -> SafeString:
    return display.list_link(model, urlencode({"project": project.full_path}), words)


def _newest_pipelines(project: Project) -> Table:
    newest = Pipeline.objects.filter(project=project).select_related("user").newest_first()[:MOST_PIPELINES]
    rows = [
        (
            display.link("pipeline", pipeline.pk, f"#{pipeline.pk}"),
            f"#{pipeline.iid}",
            display.badge(pipeline.status),
            pipeline.ref,
            format_html("<code>{}</code>", display.sha(pipeline.sha)),
            pipeline.get_source_display(),
            pipeline.user.username if pipeline.user else display.NOTHING,
            display.moment(pipeline.created_at),
        )
        for pipeline in newest
    ]
    headers = ("Pipeline", "In the project", "Status", "Ref", "Commit", "Source", "User", "Created (UTC)")
    return display.table("Newest pipelines", headers, rows, empty="The project has no pipelines.")
