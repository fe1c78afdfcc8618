"""Personal access tokens and registration tokens: made here, shown once, and never again; revoked here."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ci_core import clock
from ci_core.actions.runners import create_registration_token, revoke_registration_token
from ci_core.actions.users import SCOPES, create_personal_token, revoke_personal_token
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import RegistrationTokenRows, TokenRows
from ci_core.admin.unfold import CheckboxSelectMultiple
from ci_core.admin.verbs import Only, Verb
from ci_core.errors import Forbidden
from ci_core.models import PersonalAccessToken, RunnerRegistrationToken
from ci_core.tokens import digest

SCOPE_CHOICES: Final = [(scope, scope) for scope in sorted(SCOPES, reverse=True)]


def told_once(what: str, token: str) -> SafeString:
    """The only message that holds a new token."""
    return format_html("{}: <code>{}</code> Copy it now: it is not stored and not shown again.", what, token)


class PersonalTokenForm(ActionForm):
    """What a new personal access token is asked for."""

    scopes = forms.MultipleChoiceField(choices=SCOPE_CHOICES, widget=CheckboxSelectMultiple)

    def clean_expires_at(self) -> datetime | None:
        """A moment to come, if any."""
        expires_at: datetime | None = self.cleaned_data["expires_at"]
        if expires_at is not None and expires_at <= clock.now():
            raise forms.ValidationError("The token would have expired already.")
        return expires_at


def _revoke_personal(_request: HttpRequest, token: PersonalAccessToken) -> None:
    revoke_personal_token(token)


@admin.register(PersonalAccessToken)
class PersonalAccessTokenAdmin(WritingAdmin[PersonalAccessToken]):
    """Personal access tokens. A token acts as its user, so only superusers make tokens of others."""

    form = PersonalTokenForm
    editable = False
    joined = ("user",)
    ordering = ("-id",)
    sortable_by = ()
    list_display = (
        "id",
        "name",
        "owner",
        "state",
        "scope_list",
        "created",
        "expires",
        "last_used",
        "revoked",
    )
    list_filter = (
        from_filterset(TokenRows, "state"),
        from_filterset(TokenRows, "user", placeholder="Username"),
    )
    search_fields = ("name", "user__username")
    search_help_text = "Name or username"
    autocomplete_fields = ("user",)
    add_fieldsets = ((None, {"fields": ("user", "name", "scopes", "expires_at")}),)
    fieldsets = (
        (None, {"fields": (("name", "user"), ("state", "scope_list"))}),
        ("Times (UTC)", {"fields": (("created", "expires"), ("last_used", "revoked"))}),
    )
    readonly_fields = ("state", "scope_list", "created", "expires", "last_used", "revoked")
    verbs = (
        Verb(
            "revoke",
            "Revoke",
            "revoked",
            _revoke_personal,
            Only(lambda token: token.revoked_at is None, "it is revoked already."),
            caution=True,
        ),
    )

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> PersonalAccessToken:
        """Makes the token and shows it this once."""
        if entered["user"] != request.user and not request.user.is_superuser:
            raise Forbidden("Only superusers make tokens of other users.")
        token = create_personal_token(
            entered["user"], entered["name"], entered["scopes"], expires_at=entered["expires_at"]
        )
        messages.warning(request, told_once("The new personal access token", token))
        return PersonalAccessToken.objects.get(digest=digest(token))

    @admin.display(description="User")
    def owner(self, row: PersonalAccessToken) -> str:
        """Whose token it is."""
        return row.user.username

    @admin.display(description="State")
    def state(self, row: PersonalAccessToken) -> SafeString:
        """Whether the token works."""
        if row.revoked_at is not None:
            return display.badge("revoked")
        expired = row.expires_at is not None and row.expires_at <= clock.now()
        return display.badge("expired" if expired else "active")

    @admin.display(description="Scopes")
    def scope_list(self, row: PersonalAccessToken) -> str:
        """What the token allows."""
        return ", ".join(row.scopes)

    @admin.display(description="Created")
    def created(self, row: PersonalAccessToken) -> str:
        """When it was made."""
        return display.moment(row.created_at)

    @admin.display(description="Expires")
    def expires(self, row: PersonalAccessToken) -> str:
        """When it runs out."""
        return display.moment(row.expires_at) if row.expires_at else "never"

    @admin.display(description="Last used")
    def last_used(self, row: PersonalAccessToken) -> str:
        """When it was used last, to the minute."""
        return display.moment(row.last_used_at) if row.last_used_at else "never"

    @admin.display(description="Revoked")
    def revoked(self, row: PersonalAccessToken) -> str:
        """When it was revoked."""
        return display.moment(row.revoked_at)


def _revoke_registration(_request: HttpRequest, token: RunnerRegistrationToken) -> None:
    revoke_registration_token(token)


@admin.register(RunnerRegistrationToken)
class RegistrationTokenAdmin(WritingAdmin[RunnerRegistrationToken]):
    """Tokens with which runners register themselves."""

    form = ActionForm
    editable = False
    joined = ("project",)
    ordering = ("-id",)
    sortable_by = ()
    list_display = ("id", "takes", "state", "created", "revoked")
    list_filter = (
        from_filterset(RegistrationTokenRows, "state"),
        from_filterset(RegistrationTokenRows, "project", placeholder="group/project"),
    )
    search_fields = ("project__full_path",)
    search_help_text = "Project path"
    autocomplete_fields = ("project",)
    add_fieldsets = (
        (
            None,
            {"fields": ("project",), "description": "Without a project, runners register for all projects."},
        ),
    )
    fieldsets = ((None, {"fields": (("takes", "state"), ("created", "revoked"))}),)
    readonly_fields = ("takes", "state", "created", "revoked")
    verbs = (
        Verb(
            "revoke",
            "Revoke",
            "revoked",
            _revoke_registration,
            Only(lambda token: token.revoked_at is None, "it is revoked already."),
            caution=True,
        ),
    )

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> RunnerRegistrationToken:
        """Makes the token and shows it this once."""
        token = create_registration_token(entered["project"])
        messages.warning(request, told_once("The new registration token", token))
        return RunnerRegistrationToken.objects.get(digest=digest(token))

    @admin.display(description="For the jobs of")
    def takes(self, row: RunnerRegistrationToken) -> SafeString | str:
        """The project whose runners it registers."""
        return display.link("project", row.project.pk, row.project) if row.project else "all projects"

    @admin.display(description="State")
    def state(self, row: RunnerRegistrationToken) -> SafeString:
        """Whether the token works."""
        return display.badge("active" if row.revoked_at is None else "revoked")

    @admin.display(description="Created (UTC)")
    def created(self, row: RunnerRegistrationToken) -> str:
        """When it was made."""
        return display.moment(row.created_at)

    @admin.display(description="Revoked (UTC)")
    def revoked(self, row: RunnerRegistrationToken) -> str:
        """When it was revoked."""
        return display.moment(row.revoked_at)
