"""Background tasks in the support desk, as procrastinate shows them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from procrastinate.contrib.django.admin import ProcrastinateJobAdmin
from procrastinate.contrib.django.models import ProcrastinateJob

admin.site.unregister(ProcrastinateJob)


@admin.register(ProcrastinateJob)
class TaskAdmin(ProcrastinateJobAdmin):
    """Whoever may view tasks sees them. To retry, cancel or abort them takes the permission to change them."""

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """The verbs; procrastinate asks for no more than the permission to view."""
        may_change = request.user.has_perm("procrastinate.change_procrastinatejob")
        return super().get_actions(request) if may_change else {}
