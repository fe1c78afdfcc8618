"""List filters of the admin, made from the FilterSets in which the domain declares its filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.utils.safestring import SafeString
from django_filters import FilterSet

from ci_core.admin.unfold import SelectWidget, TextInput


class FilterSetFilter(ListFilter):
    """One filter of a FilterSet: a list of choices if it has some, else a field to write in."""

    filterset: type[FilterSet]
    parameter_name: str
    placeholder = ""
    template = "admin/ci_core/filter.html"

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.value = ""
        if self.parameter_name in params:
            self.value = params.pop(self.parameter_name)[-1]
            self.used_parameters[self.parameter_name] = self.value

    def has_output(self) -> bool:
        """Always."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """The one parameter."""
        return [self.parameter_name]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """The template draws the control instead."""
        yield from ()

    def control(self) -> SafeString:
        """The form control in which the filter's value is chosen or written."""
        widget = self.filterset.base_filters[self.parameter_name].field.widget
        given = getattr(widget, "choices", None)
        if given is None:
            attributes = {"placeholder": self.placeholder, "aria-label": self.title}
            return TextInput(attributes).render(self.parameter_name, self.value)
        choices = [("", "All"), *((value, words) for value, words in given if value not in ("", None))]
        select = SelectWidget(attrs={"aria-label": self.title}, choices=choices)
        return select.render(self.parameter_name, self.value)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows that the filter leaves; a value it cannot read is an error, as in the rest of the admin."""
        if not self.value:
            return queryset
        name = self.parameter_name
        filters = self.filterset(MultiValueDict({name: [self.value]}), queryset=queryset, request=request)
        if name in filters.form.errors:
            raise IncorrectLookupParameters(filters.form.errors[name])
        filtered: QuerySet[Any] = filters.filters[name].filter(queryset, filters.form.cleaned_data[name])
        return filtered


def from_filterset(
    filterset: type[FilterSet], name: str, *, title: str = "", placeholder: str = ""
) -> type[FilterSetFilter]:
    """The list filter for one filter of a FilterSet."""
    fields = {
        "filterset": filterset,
        "parameter_name": name,
        "title": title or name.replace("_", " "),
        "placeholder": placeholder,
    }
    return type(f"{filterset.__name__}_{name}", (FilterSetFilter,), fields)
