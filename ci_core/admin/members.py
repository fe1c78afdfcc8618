"""Owns how members of projects and of groups are shown and changed on the pages of these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from ci_core.admin.unfold import InlineFormSet, TabularInline


class MembershipFormSet(InlineFormSet):  # type: ignore[type-arg]
    """Stores members through the actions. of: the field with what they are members of."""

    of: str
    add_member: Callable[[Any, Any, int], object]
    remove_member: Callable[[Any, Any], object]

    def save(self, commit: bool = True) -> list[Any]:
        """Adds, changes and removes members; the lists that the admin's history reads are kept."""
        rows: list[Any] = super().save(commit=False)
        kind = type(self)
        for row in self.deleted_objects:
            kind.remove_member(getattr(row, self.of), row.user)
        for row in rows:
            kind.add_member(getattr(row, self.of), row.user, row.access_level)
        return rows


class PresentMembers(TabularInline[Any, Any]):
    """Present members: their role can be changed. Who they are is read with one statement, not one a row."""

    formset: type[MembershipFormSet]
    verbose_name_plural = "members"
    fields = ("user", "access_level")
    readonly_fields = ("user",)
    ordering = ("-access_level", "user__username")
    extra = 0
    max_num = 0
    per_page = 50
    show_change_link = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Memberships with their users."""
        return super().get_queryset(request).select_related("user", self.formset.of)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here: see `NewMembers`."""
        return False


class NewMembers(TabularInline[Any, Any]):
    """New members."""

    verbose_name_plural = "new members"
    fields = ("user", "access_level")
    autocomplete_fields = ("user",)
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """None of the present ones."""
        return super().get_queryset(request).none()

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Not here: see `PresentMembers`."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only for those who may add members."""
        return self.has_add_permission(request, obj)
