"""Protected environments in the support desk: who may deploy, to read and to change."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from ci_core.actions.environments import protect_environment, unprotect_environment
from ci_core.admin import display
from ci_core.admin.base import WritingAdmin
from ci_core.admin.display import Table
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import ProtectedEnvironmentRows
from ci_core.decisions.deployments import allowed_words
from ci_core.models import Environment, ProtectedEnvironment

#: Users that a list names before it only counts.
LISTED: Final = 5


@admin.register(ProtectedEnvironment)
class ProtectedEnvironmentAdmin(WritingAdmin[ProtectedEnvironment]):
    """Limits of who may deploy to an environment, which need not exist yet."""

    joined = ("project",)
    ordering = ("project__full_path", "name")
    sortable_by = ()
    deletable = True
    list_display = ("name", "of_project", "access_level", "named", "created")
    list_filter = (
        from_filterset(ProtectedEnvironmentRows, "project", placeholder="group/project"),
        from_filterset(ProtectedEnvironmentRows, "access_level"),
        from_filterset(ProtectedEnvironmentRows, "user", placeholder="username"),
    )
    search_fields = ("name", "project__full_path")
    search_help_text = "Environment or project path"
    autocomplete_fields = ("project", "users")
    fieldsets = ((None, {"fields": ("project", "name", "access_level", "users")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ProtectedEnvironment]:
        """The rows with the users that they name, read with one statement."""
        return super().get_queryset(request).prefetch_related("users")

    def get_readonly_fields(self, request: HttpRequest, obj: ProtectedEnvironment | None = None) -> Any:
        """What a limit is known by is chosen once."""
        return ("project", "name") if obj else ()

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> ProtectedEnvironment:
        """Sets a limit; one of that name is replaced."""
        return protect_environment(
            entered["project"],
            entered["name"],
            access_level=entered["access_level"],
            users=list(entered["users"]),
        )

    def update(self, request: HttpRequest, row: ProtectedEnvironment, entered: dict[str, Any]) -> None:
        """Sets the limit anew."""
        users = list(entered["users"])
        protect_environment(row.project, row.name, access_level=entered["access_level"], users=users)

    def remove(self, request: HttpRequest, row: ProtectedEnvironment) -> None:
        """Lifts the limit."""
        unprotect_environment(row.project, row.name)

    @admin.display(description="Project")
    def of_project(self, row: ProtectedEnvironment) -> str:
        """Full path of the project."""
        return row.project.full_path

    @admin.display(description="Users")
    def named(self, row: ProtectedEnvironment) -> str:
        """The users who may deploy besides."""
        names = sorted(user.username for user in row.users.all())
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        return ", ".join(names[:LISTED]) + more or display.NOTHING

    @admin.display(description="Since")
    def created(self, row: ProtectedEnvironment) -> str:
        """When the environment was protected."""
        return display.moment(row.created_at)


def protection_of(environment: Environment) -> Table:
    """Who may deploy to an environment, for its page."""
    found = ProtectedEnvironment.objects.prefetch_related("users").filter(
        project_id=environment.project_id, name=environment.name
    )
    rows = [
        (
            display.link("protectedenvironment", row.pk, row.name),
            allowed_words(
                row.get_access_level_display() if row.access_level is not None else None,
                [user.username for user in row.users.all()],
            ),
        )
        for row in found
    ]
    return display.table(
        "Protection", ("Limit", "Who may deploy"), rows, empty="It is not protected: developers may."
    )
