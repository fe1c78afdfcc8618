"""Runners in the support desk: who is there, what they take, which machines serve them and which jobs they ran."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ci_core import clock
from ci_core.actions.runners import create_runner, pause_runner, rotate_runner_token, update_runner
from ci_core.admin import display
from ci_core.admin.base import ActionForm, WritingAdmin
from ci_core.admin.display import Section, Table
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import RunnerRows
from ci_core.admin.tokens import told_once
from ci_core.admin.verbs import Only, Verb
from ci_core.models import Job, Runner, RunnerAccessLevel

#: Machines and jobs that a runner's page shows, newest first.
MOST_ROWS: Final = 50


def contact(row: Any) -> str:
    """Whether a runner, or a machine of one, was heard of lately."""
    if row.contacted_at is None:
        return "never contacted"
    silence = (clock.now() - row.contacted_at).total_seconds()
    return "online" if silence < settings.PIPEYARD_RUNNER_SILENCE_SECONDS else "offline"


def _pause(_request: HttpRequest, runner: Runner) -> None:
    pause_runner(runner, paused=True)


def _resume(_request: HttpRequest, runner: Runner) -> None:
    pause_runner(runner, paused=False)


def _rotate(_request: HttpRequest, runner: Runner) -> str:
    return told_once(f"The new token of runner #{runner.pk}", rotate_runner_token(runner))


@admin.register(Runner)
class RunnerAdmin(WritingAdmin[Runner]):
    """Runners. Their tokens are shown when they are made, and never again."""

    form = ActionForm
    ordering = ("-id",)
    sortable_by = ()
    list_display = (
        "id",
        "description",
        "state",
        "takes_jobs",
        "runner_type",
        "tag_list",
        "run_untagged",
        "token",
        "contacted",
    )
    list_filter = (
        from_filterset(RunnerRows, "state"),
        from_filterset(RunnerRows, "paused"),
        from_filterset(RunnerRows, "type"),
        from_filterset(RunnerRows, "tag_list", title="tags", placeholder="docker,linux"),
    )
    search_fields = ("description", "token_prefix", "maintenance_note")
    search_help_text = "Description, first characters of the token, or note"
    autocomplete_fields = ("projects", "group")
    _settings = (
        "description",
        "tags",
        ("run_untagged", "locked"),
        "access_level",
        "maximum_timeout",
        "projects",
        "maintenance_note",
    )
    add_fieldsets = ((None, {"fields": (*_settings, "group")}),)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state", "takes_jobs"),
                    ("token", "runner_type"),
                    ("contacted", "created"),
                    ("creator", "group"),
                )
            },
        ),
        ("Settings", {"fields": _settings}),
    )
    readonly_fields = ("state", "takes_jobs", "token", "runner_type", "contacted", "created", "creator")
    joined = ("creator", "group")
    verbs = (
        Verb(
            "pause",
            "Pause",
            "paused",
            _pause,
            Only(lambda runner: not runner.paused, "it is paused already."),
        ),
        Verb("resume", "Resume", "resumed", _resume, Only(lambda runner: runner.paused, "it is not paused.")),
        Verb("rotate", "Give a new token", "given a new token", _rotate, caution=True, in_list=False),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Runner | None = None) -> Any:
        """The group that a runner belongs to is chosen once."""
        shown = super().get_readonly_fields(request, obj)
        return (*shown, "group") if obj else shown

    def create(self, request: HttpRequest, entered: dict[str, Any]) -> Runner:
        """Makes the runner and shows its token this once."""
        runner, token = create_runner(acting_user=request.user, **_arguments(entered))  # type: ignore[arg-type]
        messages.warning(request, told_once("The new runner's token", token))
        return runner

    def update(self, request: HttpRequest, row: Runner, entered: dict[str, Any]) -> None:
        """Changes the runner's settings."""
        update_runner(row, **_arguments(entered))

    def sections(self, request: HttpRequest, row: Runner) -> Iterable[Section]:
        """The runner's machines, and its newest jobs."""
        yield _managers(row)
        yield _jobs(row)

    @admin.display(description="Contact")
    def state(self, row: Runner) -> SafeString:
        """Whether it was heard of lately."""
        return display.badge(contact(row))

    @admin.display(description="Takes jobs")
    def takes_jobs(self, row: Runner) -> SafeString:
        """Whether it is paused."""
        return display.badge("paused" if row.paused else "active")

    @admin.display(description="Tags")
    def tag_list(self, row: Runner) -> SafeString | str:
        """Its tags as labels."""
        return display.badges(row.tags)

    @admin.display(description="Token begins")
    def token(self, row: Runner) -> str:
        """The first characters of its token."""
        return f"glrt-{row.token_prefix}…"

    @admin.display(description="Last contact (UTC)")
    def contacted(self, row: Runner) -> str:
        """When it was heard of last."""
        return display.moment(row.contacted_at)

    @admin.display(description="Created (UTC)")
    def created(self, row: Runner) -> str:
        """When it was made."""
        return display.moment(row.created_at)


def _arguments(entered: dict[str, Any]) -> dict[str, Any]:
    """What the form gives, as the actions want it."""
    given = dict(entered)
    given["access_level"] = RunnerAccessLevel(given["access_level"])
    given["projects"] = list(given["projects"])
    return given


def _managers(runner: Runner) -> Table:
    rows = [
        (
            manager.system_id,
            manager.name or display.NOTHING,
            display.badge(contact(manager)),
            display.moment(manager.contacted_at),
            manager.version or display.NOTHING,
            f"{manager.platform}/{manager.architecture}" if manager.platform else display.NOTHING,
            manager.executor or display.NOTHING,
            manager.ip_address or display.NOTHING,
        )
        for manager in runner.managers.order_by("-contacted_at", "-id")[:MOST_ROWS]
    ]
    headers = (
        "System",
        "Name",
        "Contact",
        "Last contact (UTC)",
        "Version",
        "Platform",
        "Executor",
        "Address",
    )
    return display.table("Machines", headers, rows, empty="No machine has used the runner's token yet.")


def _jobs(runner: Runner) -> Table:
    newest = Job.objects.filter(runner_id=runner.pk).select_related("project").order_by("-id")[:MOST_ROWS]
    rows = [
        (
            display.link("job", job.pk, job.name),
            display.link("project", job.project_id, job.project.full_path),
            display.badge(job.status),
            job.get_failure_reason_display() if job.failure_reason else display.NOTHING,
            display.moment(job.started_at),
            display.between(job.started_at, job.finished_at),
        )
        for job in newest
    ]
    headers = ("Job", "Project", "Status", "Failure", "Started (UTC)", "Ran")
    all_jobs = display.list_link("job", urlencode({"runner": runner.pk}), "All its jobs")
    return display.table("Newest jobs", headers, rows, note=all_jobs, empty="It has run no job.")
