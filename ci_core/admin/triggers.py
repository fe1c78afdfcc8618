"""Pipeline trigger tokens in the support desk: made and shown once, listed without their secret, revoked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ci_core import access, clock
from ci_core.actions.trigger_tokens import create_trigger, delete_trigger
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import TriggerRows
from ci_core.admin.tokens import told_once
from ci_core.errors import Forbidden
from ci_core.models import PipelineTrigger
from ci_core.statuses import AccessLevel
from ci_core.tokens import TRIGGER_PREFIX


@admin.register(PipelineTrigger)
class PipelineTriggerAdmin(WritingAdmin[PipelineTrigger]):
    """Trigger tokens. One acts as its owner, so only superusers make those of others; deleting one revokes it."""

    form = ActionForm
    editable = False
    deletable = True
    joined = ("project", "owner")
    ordering = ("-id",)
    sortable_by = ()
    list_display = (
        "id",
        "project_path",
        "begins",
        "description",
        "owned_by",
        "state",
        "created",
        "expires",
        "last_used",
    )
    list_filter = (
        from_filterset(TriggerRows, "state"),
        from_filterset(TriggerRows, "project", placeholder="group/project"),
        from_filterset(TriggerRows, "owner", placeholder="Username"),
    )
    search_fields = ("short_token", "description", "project__full_path")
    search_help_text = "First characters of the token, description or project path"
    autocomplete_fields = ("project", "owner")
    add_fieldsets = ((None, {"fields": ("project", "owner", "description", "expires_at")}),)
    fieldsets = (
        (None, {"fields": (("project", "begins"), "description", ("owner", "works"), "state")}),
        ("Times (UTC)", {"fields": (("created", "expires"), "last_used")}),
    )
    readonly_fields = ("begins", "works", "state", "created", "expires", "last_used")

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> PipelineTrigger:
        """Makes the token and shows it this once."""
        user: Any = request.user
        if entered["owner"] != user and not user.is_superuser:
            raise Forbidden("Only superusers make trigger tokens of other users.")
        trigger = create_trigger(
            entered["project"],
            acting_user=entered["owner"],
            description=entered["description"],
            expires_at=entered["expires_at"],
        )
        messages.warning(request, told_once("The new trigger token", trigger.new_token or ""))
        return trigger

    def remove(self, request: HttpRequest, row: PipelineTrigger) -> None:
        """Revokes the token."""
        delete_trigger(row.pk)

    @admin.display(description="Project")
    def project_path(self, row: PipelineTrigger) -> str:
        """Full path of the project."""
        return row.project.full_path

    @admin.display(description="Token begins")
    def begins(self, row: PipelineTrigger) -> str:
        """The first characters of the token."""
        return f"{TRIGGER_PREFIX}{row.short_token}…"

    @admin.display(description="Owner")
    def owned_by(self, row: PipelineTrigger) -> str:
        """With whose rights its pipelines run."""
        return row.owner.username

    @admin.display(description="State")
    def state(self, row: PipelineTrigger) -> SafeString:
        """Whether the token has expired."""
        expired = row.expires_at is not None and row.expires_at <= clock.now()
        return display.badge("expired" if expired else "active")

    @admin.display(description="Owner's rights")
    def works(self, row: PipelineTrigger) -> str:
        """Whether its owner may still run pipelines of the project."""
        (level,) = access.levels_of([(row.owner, row.project_id)])
        if level >= AccessLevel.DEVELOPER:
            return "may run pipelines of the project"
        return "may not run pipelines of the project: the token creates none"

    @admin.display(description="Created (UTC)")
    def created(self, row: PipelineTrigger) -> str:
        """When it was made."""
        return display.moment(row.created_at)

    @admin.display(description="Expires (UTC)")
    def expires(self, row: PipelineTrigger) -> str:
        """When it runs out."""
        return display.moment(row.expires_at) if row.expires_at else "never"

    @admin.display(description="Last used (UTC)")
    def last_used(self, row: PipelineTrigger) -> str:
        """When it last created a pipeline, to the minute."""
        return display.moment(row.last_used_at) if row.last_used_at else "never"
