"""Variables of projects in the support desk, and what those of groups share with them. A value is only written."""

from __future__ import annotations

from typing import Any, TypeVar

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from ci_core.actions.variables import VariableSettings, delete_variable, set_variable
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import VariableRows
from ci_core.admin.unfold import Textarea
from ci_core.models import GroupVariable, ProjectVariable, VariableType

V = TypeVar("V", ProjectVariable, GroupVariable)


class WriteOnlyTextarea(Textarea):
    """A text area that is always drawn empty, also when the form comes back with errors."""

    def format_value(self, value: Any) -> str:
        """Nothing."""
        return ""


class VariableForm(ActionForm):
    """A variable; its value is only ever written."""

    value = forms.CharField(
        required=False,
        strip=False,
        widget=WriteOnlyTextarea(attrs={"rows": 3, "autocomplete": "off"}),
        help_text="Never shown. Left empty, the present value is kept.",
    )

    def clean_value(self) -> str | None:
        """The new value; None for none. Browsers send line breaks as CRLF, which no shell expects."""
        entered: str = self.cleaned_data["value"]
        return entered.replace("\r\n", "\n") or None

    def _post_clean(self) -> None:
        """Checks the other fields against the model; the row itself is given no value here."""
        given = self.cleaned_data.pop("value", None)
        super()._post_clean()  # type: ignore[misc]
        self.cleaned_data["value"] = given


class StoredVariableAdmin(WritingAdmin[V]):
    """What the pages of variables of projects and of groups have in common."""

    #: The field that says whose variable it is.
    owner = "project"
    form = VariableForm
    deletable = True
    sortable_by = ()
    list_display = (
        "key",
        "hidden_value",
        "of_owner",
        "environment_scope",
        "variable_type",
        "protected",
        "masked",
        "hidden",
        "description",
    )

    def get_fieldsets(self, request: HttpRequest, obj: V | None = None) -> Any:
        """Without the field for the value where nothing may be written: it would show the value."""
        writable = obj is None or self.has_change_permission(request, obj)
        shown = "value" if writable else "hidden_value"
        fields = (self.owner, ("key", "environment_scope"), shown, "variable_type", "description")
        return (
            (None, {"fields": fields}),
            ("Who gets it", {"fields": (("protected", "masked"), ("hidden", "raw"))}),
        )

    def get_readonly_fields(self, request: HttpRequest, obj: V | None = None) -> Any:
        """What a variable is known by is chosen once."""
        return ("hidden_value", self.owner, "key", "environment_scope") if obj else ("hidden_value",)

    def store(self, owner: Any, key: str, value: str | None, entered: dict[str, Any], scope: str) -> V:
        """Sets a variable of an owner."""
        raise NotImplementedError

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> V:
        """Sets a new variable."""
        owner, scope = entered[self.owner], entered["environment_scope"]
        return self.store(owner, entered["key"], entered["value"], entered, scope)

    def update(self, request: HttpRequest, row: V, entered: dict[str, Any]) -> None:
        """Sets the variable anew; without a value it keeps the one it has."""
        self.store(getattr(row, self.owner), row.key, entered["value"], entered, row.environment_scope)

    def remove(self, request: HttpRequest, row: V) -> None:
        """Deletes the variable."""
        delete_variable(row)

    @admin.display(description="Value")
    def hidden_value(self, row: V) -> str:
        """Always the same."""
        return display.HIDDEN

    @admin.display(description="Of")
    def of_owner(self, row: V) -> str:
        """Full path of the project or group."""
        path: str = getattr(row, self.owner).full_path
        return path


def settings_of(entered: dict[str, Any]) -> VariableSettings:
    """The settings that the form gives."""
    return VariableSettings(
        variable_type=VariableType(entered["variable_type"]),
        protected=entered["protected"],
        masked=entered["masked"],
        hidden=entered["hidden"],
        raw=entered["raw"],
        description=entered["description"],
    )


@admin.register(ProjectVariable)
class ProjectVariableAdmin(StoredVariableAdmin[ProjectVariable]):
    """Variables of projects."""

    joined = ("project",)
    ordering = ("project__full_path", "key", "environment_scope")
    list_filter = (
        from_filterset(VariableRows, "project", placeholder="group/project"),
        from_filterset(VariableRows, "environment_scope", placeholder="production"),
        from_filterset(VariableRows, "masked"),
        from_filterset(VariableRows, "protected"),
    )
    search_fields = ("key", "description", "project__full_path")
    search_help_text = "Key, description or project path"
    autocomplete_fields = ("project",)

    def store(
        self, owner: Any, key: str, value: str | None, entered: dict[str, Any], scope: str
    ) -> ProjectVariable:
        """Sets a variable of a project."""
        return set_variable(owner, key, value, settings_of(entered), environment_scope=scope)
