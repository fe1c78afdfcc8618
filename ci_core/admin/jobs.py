"""Jobs in the support desk. The table is partitioned: each statement names a pipeline, a project or a runner."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from ci_core.actions.jobs import cancel_job, play_job, retry_job, unschedule_job
from ci_core.admin import display
from ci_core.admin.base import DeskAdmin
from ci_core.admin.display import Section
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import JobRows
from ci_core.admin.job_sections import sections_of
from ci_core.admin.paging import PartitionedChangeList
from ci_core.admin.verbs import Only, Verb
from ci_core.decisions.waiting import Waiting
from ci_core.models import Job, Pipeline, Stage
from ci_core.models.ids import pipeline_of
from ci_core.statuses import CANCELABLE, PLAYABLE, RETRYABLE, Status
from ci_core.waiting import why_waiting

#: Pipelines, newest first, whose jobs the list shows while nothing narrows it.
REACH: Final = 10_000
#: Largest id that carries a pipeline's.
LARGEST: Final = 2**63 - 1


_RULES: Final = (
    ("when", "allow_failure"),
    ("scheduling_type", "kind"),
    ("timeout", "start_in"),
    ("environment_name", "interruptible"),
    ("protected", "retried"),
)
_TIMES: Final = (("created", "queued"), ("started", "finished"), ("waited", "ran"), ("starts",))


def _flat(rows: Sequence[Sequence[str]]) -> list[str]:
    return [name for row in rows for name in row]


def _play(request: HttpRequest, job: Job) -> None:
    play_job(job.pk, acting_user=request.user)  # type: ignore[arg-type]


def _retry(request: HttpRequest, job: Job) -> None:
    retry_job(job.pk, acting_user=request.user)  # type: ignore[arg-type]


def _cancel(request: HttpRequest, job: Job) -> None:
    cancel_job(job.pk)


def _force_cancel(request: HttpRequest, job: Job) -> None:
    cancel_job(job.pk, force=True)


def _unschedule(request: HttpRequest, job: Job) -> None:
    unschedule_job(job.pk)


def _number(word: str) -> int | None:
    """The id that a word of a search is; None for a name."""
    digits = word.removeprefix("#")
    return int(digits) if digits.isascii() and digits.isdigit() and int(digits) <= LARGEST else None


@admin.register(Job)
class JobAdmin(DeskAdmin[Job]):
    """Jobs: made with their pipeline or by a retry; support staff may play, retry, cancel and unschedule them."""

    joined = ("project", "pipeline", "user", "runner")
    sortable_by = ()
    list_before_template = "admin/ci_core/job_reach.html"
    list_display = (
        "id",
        "name",
        "state",
        "stage_name",
        "of_pipeline",
        "project_path",
        "failure",
        "on",
        "created",
    )
    list_filter = (
        from_filterset(JobRows, "statuses", title="status"),
        from_filterset(JobRows, "failure_reason"),
        from_filterset(JobRows, "retried"),
        from_filterset(JobRows, "pipeline", placeholder="Pipeline id"),
        from_filterset(JobRows, "project", placeholder="group/project"),
        from_filterset(JobRows, "runner", placeholder="Runner id"),
    )
    search_fields = ("id",)
    search_help_text = "Job id, pipeline id or job name"
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("state", "failure"),
                    "why_it_waits",
                    ("name", "stage_name"),
                    ("of_pipeline", "project"),
                    "tags",
                )
            },
        ),
        ("How it runs", {"fields": _RULES}),
        ("Where it ran", {"fields": (("runner_shown", "user"), ("attempt", "exit_code"))}),
        ("Times (UTC)", {"fields": _TIMES}),
    )
    readonly_fields = (
        "state",
        "failure",
        "why_it_waits",
        "stage_name",
        "of_pipeline",
        "runner_shown",
        *_flat(_TIMES),
    )
    verbs = (
        Verb(
            "play",
            "Play",
            "started",
            _play,
            Only(
                lambda job: not job.retried and job.status in PLAYABLE,
                "only the newest run of a job that waits to be started, or was skipped, can be started.",
            ),
        ),
        Verb(
            "retry",
            "Retry",
            "retried",
            _retry,
            Only(
                lambda job: not job.retried and job.status in RETRYABLE,
                "only the newest run of a job that has run can be retried.",
            ),
        ),
        Verb(
            "cancel",
            "Cancel",
            "cancelled",
            _cancel,
            Only(
                lambda job: job.status in CANCELABLE | {Status.MANUAL},
                "only a waiting or running job can be cancelled.",
            ),
            caution=True,
        ),
        Verb(
            "force",
            "Cancel without waiting for the runner",
            "cancelled",
            _force_cancel,
            Only(
                lambda job: job.status == Status.CANCELING,
                "only a job that is being cancelled can be ended without its runner: cancel it first.",
            ),
            caution=True,
        ),
        Verb(
            "unschedule",
            "Stop the timer",
            "unscheduled",
            _unschedule,
            Only(
                lambda job: job.status == Status.SCHEDULED and job.started_at is None,
                "only a job whose own timer runs has one to stop.",
            ),
        ),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PartitionedChangeList]:
        """The list of a partitioned table."""
        return PartitionedChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Job | None:
        """A job by its id, which carries the pipeline's: one partition."""
        number = _number(object_id)
        return self.get_queryset(request).by_ids([number]).first() if number is not None else None  # type: ignore[attr-defined]

    def rows_of_action(self, queryset: QuerySet[Job], keys: Sequence[str]) -> Iterable[Job]:
        """The chosen jobs, each looked for in its own partition."""
        ids = [number for key in keys if (number := _number(key)) is not None]
        return Job.objects.by_ids(ids).in_order()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Job], search_term: str
    ) -> tuple[QuerySet[Job], bool]:
        """Jobs by id, pipeline id or name; every word narrows."""
        for word in search_term.split():
            number = _number(word)
            if number is None:
                queryset = queryset.filter(name__icontains=word)
            else:
                either = Q(pipeline_id=number) | Q(id=number)
                queryset = queryset.filter(either, pipeline_id__in={number, pipeline_of(number)})
        return queryset, False

    def key_order(self, params: dict[str, str]) -> tuple[str, ...]:
        """By id where the index of a project or a runner gives that order, else by the key of the table."""
        by_index = params.get("project") or params.get("runner")
        return ("-id",) if by_index and not params.get("pipeline") else ("-pipeline_id", "-id")

    def within_reach(self, rows: QuerySet[Job], params: dict[str, str], search: str) -> QuerySet[Job]:
        """The jobs of the newest pipelines, unless something narrows the list to rows that an index finds."""
        by_filter = any(params.get(name) for name in ("pipeline", "project", "runner"))
        if by_filter or any(_number(word) is not None for word in search.split()):
            return rows
        newest = Pipeline.objects.newest_first().values_list("pk", flat=True).first() or 0
        return rows.filter(pipeline_id__gt=newest - REACH)

    def complete(self, rows: Sequence[Job]) -> None:
        """Gives each job its stage's name, read with one statement: stages are partitioned too."""
        stages = Stage.objects.by_ids({job.stage_id for job in rows})
        names = dict(stages.values_list("id", "name")) if rows else {}
        for job in rows:
            job.name_of_stage = names.get(job.stage_id, "")  # type: ignore[attr-defined]

    def sections(self, request: HttpRequest, row: Job) -> Iterable[Section]:
        """Needs with the state of what is needed, the log's end, artifacts, and the other runs of the job.

        A trigger job has its pipeline instead of log and artifacts; another one has those that it asked for, if any.
        """
        yield from sections_of(row)

    @admin.display(description="Status")
    def state(self, row: Job) -> SafeString:
        """The status as a label."""
        return display.badge(row.status)

    @admin.display(description="Failure reason")
    def failure(self, row: Job) -> str:
        """Why the job failed."""
        return row.get_failure_reason_display() if row.failure_reason else ""

    @admin.display(description="Why it waits")
    def why_it_waits(self, row: Job) -> str:
        """What keeps the job from starting, by the decisions that start it."""
        if not hasattr(row, "waits_for"):  # the page asks more than once
            row.waits_for = why_waiting(row)  # type: ignore[attr-defined]
        waiting: Waiting | None = row.waits_for  # type: ignore[attr-defined]
        if waiting is None:
            return display.NOTHING
        more = " It is stuck: nothing that is there now will start it." if waiting.stuck else ""
        return f"{waiting.message}{more}"

    @admin.display(description="Stage")
    def stage_name(self, row: Job) -> str:
        """The stage's name."""
        if not hasattr(row, "name_of_stage"):
            self.complete([row])
        name: str = row.name_of_stage  # type: ignore[attr-defined]
        return name

    @admin.display(description="Pipeline")
    def of_pipeline(self, row: Job) -> SafeString:
        """The pipeline, with its ref."""
        return display.link("pipeline", row.pipeline_id, f"#{row.pipeline_id} on {row.pipeline.ref}")

    @admin.display(description="Project")
    def project_path(self, row: Job) -> str:
        """Full path of the project."""
        return row.project.full_path

    @admin.display(description="Runner")
    def on(self, row: Job) -> str:
        """The runner in words."""
        if row.runner_id is None:
            return display.NOTHING
        return str(row.runner) if row.runner else f"#{row.runner_id}, which is not known any more"

    @admin.display(description="Runner")
    def runner_shown(self, row: Job) -> SafeString | str:
        """The runner, linked while it is known."""
        return display.link("runner", row.runner_id, row.runner) if row.runner else self.on(row)

    @admin.display(description="Created (UTC)")
    def created(self, row: Job) -> str:
        """When the job was created."""
        return display.moment(row.created_at)

    @admin.display(description="Queued")
    def queued(self, row: Job) -> str:
        """When it became pending."""
        return display.moment(row.queued_at)

    @admin.display(description="Started")
    def started(self, row: Job) -> str:
        """When a runner took it."""
        return display.moment(row.started_at)

    @admin.display(description="Finished")
    def finished(self, row: Job) -> str:
        """When it ended."""
        return display.moment(row.finished_at)

    @admin.display(description="Timer runs out")
    def starts(self, row: Job) -> str:
        """When a delayed job is to start."""
        return display.moment(row.scheduled_at)

    @admin.display(description="Waited for a runner")
    def waited(self, row: Job) -> str:
        """How long it was pending."""
        return display.between(row.queued_at, row.started_at)

    @admin.display(description="Ran for")
    def ran(self, row: Job) -> str:
        """How long it was on a runner."""
        return display.between(row.started_at, row.finished_at)
