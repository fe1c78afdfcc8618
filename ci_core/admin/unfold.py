"""The one place that imports django-unfold, which carries no types: its classes, as Django's typed ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin, TabularInline
    from django.contrib.admin.views.main import ChangeList
    from django.contrib.auth.forms import AdminPasswordChangeForm, AdminUserCreationForm
    from django.forms import BaseInlineFormSet as InlineFormSet
    from django.forms import CheckboxSelectMultiple, Textarea, TextInput
    from django.forms import Select as SelectWidget
else:
    from unfold.admin import ModelAdmin as _ModelAdmin
    from unfold.admin import TabularInline as _TabularInline
    from unfold.forms import AdminPasswordChangeForm
    from unfold.forms import PaginationInlineFormSet as InlineFormSet
    from unfold.forms import UserCreationForm as AdminUserCreationForm
    from unfold.views import ChangeList
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as CheckboxSelectMultiple
    from unfold.widgets import UnfoldAdminSelectWidget as SelectWidget
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput

    class ModelAdmin(_ModelAdmin):
        """Unfold's, to be subscripted with its model as the typed one is."""

        def __class_getitem__(cls, _model):
            return cls

    class TabularInline(_TabularInline):
        """Unfold's, to be subscripted with its models as the typed one is."""

        formset = InlineFormSet

        def __class_getitem__(cls, _models):
            return cls


__all__ = [
    "AdminPasswordChangeForm",
    "AdminUserCreationForm",
    "ChangeList",
    "CheckboxSelectMultiple",
    "InlineFormSet",
    "ModelAdmin",
    "SelectWidget",
    "TabularInline",
    "TextInput",
    "Textarea",
]
