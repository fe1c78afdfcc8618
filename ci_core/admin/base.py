"""What every page of the support desk has in common: bounded lists, no free lookups, writes through actions only.

The desk is for staff of the installation: whoever has Django's permission to view a model sees its rows of all
projects, private ones included. `change` allows the verbs (cancel, retry, pause, ...), `add` and `delete` the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, TypeVar

from django import forms
from django.contrib.admin import ShowFacets
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from ci_core.admin.display import Section
from ci_core.admin.paging import BoundedPaginator
from ci_core.admin.verbs import VerbsAdmin
from ci_core.errors import CiError

M = TypeVar("M", bound=Model)

#: Where a request keeps the refusal of an action, so that its form can show it.
_REFUSAL = "_pipeyard_refusal"


class DeskAdmin(VerbsAdmin[M]):
    """The base of all pages. Rows are read only, unless a subclass writes them (`WritingAdmin`)."""

    list_per_page = 50
    list_max_show_all = 50
    list_filter_submit = True
    list_fullwidth = True
    list_disable_select_all = True
    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    paginator = BoundedPaginator
    change_form_template = "admin/ci_core/change_form.html"
    #: Relations that lists and pages show; none from one partitioned table to another.
    joined: ClassVar[tuple[str, ...]] = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[M]:
        """The rows with the relations that lists and pages show."""
        rows = super().get_queryset(request)
        return rows.select_related(*self.joined) if self.joined else rows

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only what the list's own filters ask for.

        Django allows every column of the model, so that `?digest__startswith=a` would tell a secret by and by.
        """
        return lookup in {
            getattr(list_filter, "parameter_name", None) for list_filter in self.get_list_filter(request)
        }

    def sections(self, request: HttpRequest, row: M) -> Iterable[Section]:
        """What stands below a row's fields."""
        return ()

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: M | None = None,
    ) -> HttpResponse:
        """The usual page, with the verbs above and the sections below."""
        if obj is not None and change:
            context = {
                **context,
                "buttons": self.buttons(request, obj),
                "sections": list(self.sections(request, obj)),
            }
        return super().render_change_form(request, context, add, change, form_url, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Nobody: there is no field to edit."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whoever may view or change the model's rows."""
        user: Any = request.user
        label, name = self.opts.app_label, self.opts.model_name
        return user.has_perm(f"{label}.view_{name}") or user.has_perm(f"{label}.change_{name}")  # type: ignore[no-any-return]

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Nobody."""
        return False


class ActionForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form that can show why an action refused what was entered."""

    refusal: ClassVar[CiError | None] = None

    def clean(self) -> dict[str, Any] | None:
        """Adds the refusal to what else may be wrong."""
        cleaned = super().clean()
        if self.refusal is not None:
            self.add_error(None, self.refusal.message)
        return cleaned

    def save(self, commit: bool = True) -> Any:
        """The row as entered; nothing is stored here, the admin calls an action."""
        return super().save(commit=False)


class WritingAdmin(DeskAdmin[M]):
    """An admin whose rows are entered in a form and stored by actions.

    Subclasses write `create`, where rows can be edited `update`, and where they can be deleted `remove`; the first
    two get the form's cleaned data.
    """

    form: type[forms.ModelForm[Any]] = ActionForm
    editable: ClassVar[bool] = True
    deletable: ClassVar[bool] = False

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> M:
        """The new row, made by an action. May raise CiError."""
        raise NotImplementedError

    def update(self, request: HttpRequest, row: M, entered: dict[str, Any]) -> None:
        """Changes a row through an action. May raise CiError."""
        raise NotImplementedError

    def remove(self, request: HttpRequest, row: M) -> None:
        """Deletes a row through an action."""
        raise NotImplementedError

    def save_model(self, request: HttpRequest, obj: M, form: Any, change: bool) -> None:
        """Calls the action."""
        if change:
            self.update(request, obj, form.cleaned_data)
        else:
            obj.pk = self.create(request, form.cleaned_data).pk
        obj.refresh_from_db()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Stores the rows of inlines; what the form itself relates to is stored by its action."""
        for formset in formsets:
            self.save_formset(request, form, formset, change)

    def delete_model(self, request: HttpRequest, obj: M) -> None:
        """Calls the action."""
        self.remove(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[M]) -> None:
        """Calls the action for each row."""
        for row in queryset:
            self.remove(request, row)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse | TemplateResponse:
        """The usual page; when an action refuses, the form again, with the reason and what was entered."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except CiError as refusal:
            setattr(request, _REFUSAL, refusal)
            return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """The form's class, which knows the refusal of this request's action."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.refusal = getattr(request, _REFUSAL, None)
        return form

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever has the permission to add rows."""
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whoever has the permission to change rows, where they can be edited."""
        return self.editable and self._may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        """Whoever has the permission to delete rows, where they can be deleted."""
        return self.deletable and self._may(request, "delete")

    def _may(self, request: HttpRequest, what: str) -> bool:
        user: Any = request.user
        return bool(user.has_perm(f"{self.opts.app_label}.{what}_{self.opts.model_name}"))
