"""Project variables in the support desk. A value can be set here and never read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from ci_core.actions.projects import VariableSettings, delete_variable, set_variable
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import VariableRows
from ci_core.admin.unfold import Textarea
from ci_core.models import ProjectVariable, VariableType


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


@admin.register(ProjectVariable)
class ProjectVariableAdmin(WritingAdmin[ProjectVariable]):
    """Variables of projects."""

    form = VariableForm
    deletable = True
    joined = ("project",)
    ordering = ("project__full_path", "key", "environment_scope")
    sortable_by = ()
    list_display = (
        "key",
        "hidden_value",
        "of_project",
        "environment_scope",
        "variable_type",
        "protected",
        "masked",
        "hidden",
        "description",
    )
    list_filter = (
        from_filterset(VariableRows, "project", placeholder="group/project"),
        from_filterset(VariableRows, "environment_scope", placeholder="production"),
        from_filterset(VariableRows, "masked"),
        from_filterset(VariableRows, "protected"),
    )
    search_fields = ("key", "description", "project__full_path")
    search_help_text = "Key, description or project path"
    autocomplete_fields = ("project",)
    fieldsets = (
        (
            None,
            {"fields": ("project", ("key", "environment_scope"), "value", "variable_type", "description")},
        ),
        ("Who gets it", {"fields": (("protected", "masked"), ("hidden", "raw"))}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: ProjectVariable | None = None) -> Any:
        """Without the field for the value where nothing may be written: it would show the value."""
        if obj is None or self.has_change_permission(request, obj):
            return super().get_fieldsets(request, obj)
        shown = ("project", ("key", "environment_scope"), "hidden_value", "variable_type", "description")
        return ((None, {"fields": shown}), *self.fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: ProjectVariable | None = None) -> Any:
        """What a variable is known by is chosen once."""
        return ("hidden_value", "project", "key", "environment_scope") if obj else ("hidden_value",)

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> ProjectVariable:
        """Sets a new variable."""
        return set_variable(
            entered["project"],
            entered["key"],
            entered["value"],
            _settings(entered),
            environment_scope=entered["environment_scope"],
        )

    def update(self, request: HttpRequest, row: ProjectVariable, entered: dict[str, Any]) -> None:
        """Sets the variable anew; without a value it keeps the one it has."""
        settings, scope = _settings(entered), row.environment_scope
        set_variable(row.project, row.key, entered["value"], settings, environment_scope=scope)

    def remove(self, request: HttpRequest, row: ProjectVariable) -> None:
        """Deletes the variable."""
        delete_variable(row)

    @admin.display(description="Value")
    def hidden_value(self, row: ProjectVariable) -> str:
        """Always the same."""
        return display.HIDDEN

    @admin.display(description="Project")
    def of_project(self, row: ProjectVariable) -> str:
        """Full path of the project."""
        return row.project.full_path


def _settings(entered: dict[str, Any]) -> VariableSettings:
    return VariableSettings(
        variable_type=VariableType(entered["variable_type"]),
        protected=entered["protected"],
        masked=entered["masked"],
        hidden=entered["hidden"],
        raw=entered["raw"],
        description=entered["description"],
    )
