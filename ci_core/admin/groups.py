"""Groups in the support desk: settings, members, and the variables of all projects in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest

from ci_core.actions.groups import add_group_member, create_group, remove_group_member, update_group
from ci_core.actions.variables import set_group_variable
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.display import Section, Table
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import GroupVariableRows
from ci_core.admin.members import MembershipFormSet, NewMembers, PresentMembers
from ci_core.admin.variables import StoredVariableAdmin, settings_of
from ci_core.models import Group, GroupMembership, GroupVariable

if TYPE_CHECKING:
    from ci_core.models import User

#: Projects that a group's page shows.
MOST_PROJECTS: Final = 50


class GroupMembershipFormSet(MembershipFormSet):
    """Stores members of a group."""

    of = "group"
    add_member = staticmethod(add_group_member)
    remove_member = staticmethod(remove_group_member)


class GroupMembersInline(PresentMembers):
    """Present members of a group."""

    model = GroupMembership
    formset = GroupMembershipFormSet


class NewGroupMembersInline(NewMembers):
    """New members of a group."""

    model = GroupMembership
    formset = GroupMembershipFormSet


@admin.register(Group)
class GroupAdmin(WritingAdmin[Group]):
    """Groups. A path stays as it is; a group with what is in it cannot be deleted here."""

    form = ActionForm
    ordering = ("full_path",)
    sortable_by = ("full_path",)
    list_display = ("full_path", "name", "created")
    search_fields = ("full_path", "name")
    search_help_text = "Path or name"
    _settings = ("name", "description")
    add_fieldsets = ((None, {"fields": ("full_path", *_settings)}),)
    fieldsets = ((None, {"fields": ("full_path", *_settings, "created")}),)
    readonly_fields = ("created",)
    inlines = (GroupMembersInline, NewGroupMembersInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        """A group's path is chosen once."""
        shown = super().get_readonly_fields(request, obj)
        return (*shown, "full_path") if obj else shown

    def get_inlines(self, request: HttpRequest, obj: Group | None) -> Any:
        """Members come after the group; whoever makes it is its first."""
        return super().get_inlines(request, obj) if obj else ()

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> Group:
        """Makes the group, owned by the user."""
        user: User = request.user  # type: ignore[assignment]
        return create_group(
            entered["full_path"], acting_user=user, name=entered["name"], description=entered["description"]
        )

    def update(self, request: HttpRequest, row: Group, entered: dict[str, Any]) -> None:
        """Changes what the group is called."""
        update_group(row, name=entered["name"], description=entered["description"])

    def sections(self, request: HttpRequest, row: Group) -> Iterable[Section]:
        """The projects in the group."""
        yield _projects(row)

    @admin.display(description="Created (UTC)")
    def created(self, row: Group) -> str:
        """When it was made."""
        return display.moment(row.created_at)


def _projects(group: Group) -> Table:
    rows = [
        (display.link("project", project.pk, project.full_path), project.name, project.visibility)
        for project in group.projects.order_by("full_path")[:MOST_PROJECTS]
    ]
    variables = display.list_link("groupvariable", urlencode({"group": group.full_path}), "Its variables")
    headers = ("Project", "Name", "Visibility")
    return display.table("Projects", headers, rows, note=variables, empty="No project is in the group.")


@admin.register(GroupVariable)
class GroupVariableAdmin(StoredVariableAdmin[GroupVariable]):
    """Variables of groups."""

    owner = "group"
    joined = ("group",)
    ordering = ("group__full_path", "key", "environment_scope")
    list_filter = (
        from_filterset(GroupVariableRows, "group", placeholder="group/subgroup"),
        from_filterset(GroupVariableRows, "environment_scope", placeholder="production"),
        from_filterset(GroupVariableRows, "masked"),
        from_filterset(GroupVariableRows, "protected"),
    )
    search_fields = ("key", "description", "group__full_path")
    search_help_text = "Key, description or group path"
    autocomplete_fields = ("group",)

    def store(
        self, owner: Any, key: str, value: str | None, entered: dict[str, Any], scope: str
    ) -> GroupVariable:
        """Sets a variable of a group."""
        return set_group_variable(owner, key, value, settings_of(entered), environment_scope=scope)
