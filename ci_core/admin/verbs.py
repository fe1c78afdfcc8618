"""Verbs: what support staff can do to a row, as a button on its page and an action of its list.

Unfold's own buttons are links, and a link must not change anything; so these are forms that POST, with a CSRF token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from ci_core.admin.unfold import ModelAdmin
from ci_core.errors import CiError

M = TypeVar("M", bound=Model)

#: Rows that one action of a list takes.
MOST_ROWS: Final = 200
#: Refusals that are told one by one.
MOST_REFUSALS: Final = 5


@dataclass(frozen=True, slots=True)
class Only(Generic[M]):
    """Which rows a verb is for. otherwise: what to tell whoever uses it on another row all the same."""

    fits: Callable[[M], bool]
    otherwise: str


@dataclass(frozen=True, slots=True)
class Verb(Generic[M]):
    """One thing to do to a row.

    run: calls one action of the domain; returns what to tell, such as a new token, or None for `done`. May raise
    CiError.
    only: which rows it is for; the pages of others do not show the button, and it does nothing to them when it is
    posted all the same, from an old page or the list. caution: the button asks whether that is meant. in_list: whether
    the list has it as an action, too.
    """

    name: str
    label: str
    done: str
    run: Callable[[HttpRequest, M], str | None]
    only: Only[M] | None = None
    caution: bool = False
    in_list: bool = True

    def fits(self, row: M) -> bool:
        """Whether it is for this row."""
        return self.only is None or self.only.fits(row)


class VerbsAdmin(ModelAdmin[M]):
    """An admin with verbs. Who may change the model's rows may use them, also where no field can be edited."""

    verbs: Sequence[Verb[M]] = ()

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may use the verbs."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")

    def rows_of_action(self, queryset: QuerySet[M], keys: Sequence[str]) -> Iterable[M]:
        """The rows that an action of the list is meant for: those that were chosen, whatever `select_across` says."""
        return queryset.filter(pk__in=keys)

    def get_urls(self) -> list[URLPattern]:
        """The usual pages, and one address per row and verb."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_verb"
        view = self.admin_site.admin_view(self.verb_view)
        return [path("<path:object_id>/do/<slug:verb_name>/", view, name=name), *super().get_urls()]

    def verb_view(self, request: HttpRequest, object_id: str, verb_name: str) -> HttpResponse:
        """Does a verb to one row and goes back to its page."""
        verb = next((verb for verb in self.verbs if verb.name == verb_name), None)
        if verb is None:
            raise Http404
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not self.has_operate_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        self._do(request, verb, [row])
        return HttpResponseRedirect(reverse(f"admin:{self._url_name('change')}", args=[row.pk]))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The usual actions of the list, and the verbs."""
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_operate_permission(request):
            for verb in (verb for verb in self.verbs if verb.in_list):
                actions[verb.name] = (self._list_action(verb), verb.name, verb.label)
        return actions

    def buttons(self, request: HttpRequest, row: M) -> list[dict[str, Any]]:
        """The verbs that a row's page offers, each with its address."""
        if not self.has_operate_permission(request):
            return []
        name = f"admin:{self._url_name('verb')}"
        return [
            {"verb": verb, "url": reverse(name, args=[row.pk, verb.name])}
            for verb in self.verbs
            if verb.fits(row)
        ]

    def _url_name(self, page: str) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def _list_action(self, verb: Verb[M]) -> Callable[[Any, HttpRequest, QuerySet[M]], None]:
        def act(_admin: Any, request: HttpRequest, queryset: QuerySet[M]) -> None:
            keys = request.POST.getlist(ACTION_CHECKBOX_NAME)
            self._do(request, verb, list(self.rows_of_action(queryset, keys[:MOST_ROWS])))

        return act

    def _do(self, request: HttpRequest, verb: Verb[M], rows: Sequence[M]) -> None:
        """Does a verb to each row by itself, notes it in the admin's history, and tells what came of it."""
        done = 0
        refusals: list[str] = []
        for row in rows:
            if verb.only is not None and not verb.only.fits(row):
                refusals.append(f"{row}: {verb.only.otherwise}")
                continue
            try:
                told = verb.run(request, row)
            except CiError as error:
                refusals.append(f"{row}: {error.message}")
                continue
            self.log_change(request, row, f"{verb.label}.")
            if told:
                messages.warning(request, told)
            else:
                done += 1
        if done:
            names = self.opts.verbose_name if done == 1 else self.opts.verbose_name_plural
            messages.success(request, f"{done} {names} {verb.done}.")
        for refusal in refusals[:MOST_REFUSALS]:
            messages.error(request, refusal)
        if len(refusals) > MOST_REFUSALS:
            messages.error(request, f"{len(refusals) - MOST_REFUSALS} more were refused.")
