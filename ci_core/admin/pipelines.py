"""Pipelines in the support desk: the list, and a page with errors, jobs by stage, variables' names and events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ci_core.actions.pipelines import cancel_pipeline, retry_pipeline
from ci_core.admin import display
from ci_core.admin.base import DeskAdmin
from ci_core.admin.display import Group, Section, Table
from ci_core.admin.filters import from_filterset
from ci_core.admin.filtersets import PipelineRows
from ci_core.admin.verbs import Only, Verb
from ci_core.models import (
    DownstreamPipeline,
    Event,
    Job,
    Pipeline,
    PipelineTrigger,
    PipelineVariable,
    Project,
    Stage,
    TriggeredPipeline,
)
from ci_core.statuses import COMPLETED, PipelineSource

#: Jobs that a pipeline's page shows; the list of jobs shows the others.
MOST_JOBS: Final = 1000
#: Downstream pipelines that a pipeline's page shows, newest first.
MOST_DOWNSTREAM: Final = 100
#: Events that a pipeline's page shows, newest first.
MOST_EVENTS: Final = 50
#: Hexadecimal digits from which a word is looked for among the commits.
LEAST_SHA: Final = 7
#: Largest number that a column of the database holds.
LARGEST: Final = 2**63 - 1


def _cancel(request: HttpRequest, pipeline: Pipeline) -> None:
    cancel_pipeline(pipeline.pk)


def _retry(request: HttpRequest, pipeline: Pipeline) -> None:
    retry_pipeline(pipeline.pk, acting_user=request.user)  # type: ignore[arg-type]


def matches(word: str) -> Q:
    """Pipelines that a word of a search means: by id, iid (also `#12`), commit, ref, or project path."""
    number = word.removeprefix("#")
    if number.isascii() and number.isdigit() and int(number) <= LARGEST:
        found = Q(iid=int(number))
        if word.startswith("#"):
            return found
        found |= Q(pk=int(number)) | Q(ref=word)
    else:
        projects = Project.objects.filter(full_path__icontains=word).values("pk")
        found = Q(ref__icontains=word) | Q(project__in=projects)
    # A commit may begin with digits alone.
    if len(word) >= LEAST_SHA and set(word.lower()) <= set("0123456789abcdef"):
        found |= Q(sha__startswith=word.lower())
    return found


@admin.register(Pipeline)
class PipelineAdmin(DeskAdmin[Pipeline]):
    """Pipelines: made by `create_pipeline` alone; support staff may cancel and retry them."""

    joined = ("project", "user")
    ordering = ("-id",)
    sortable_by = ()
    list_display = ("id", "project_path", "iid", "ref", "state", "source", "commit", "by", "created", "took")
    list_filter = (
        from_filterset(PipelineRows, "status"),
        from_filterset(PipelineRows, "source"),
        from_filterset(PipelineRows, "ref", placeholder="main"),
        from_filterset(PipelineRows, "project", placeholder="group/project"),
    )
    search_fields = ("id",)
    search_help_text = "Id, #iid, commit, ref or project path"
    fieldsets = (
        (None, {"fields": (("state", "reason"), ("project", "iid"), ("ref", "kind"), "sha", "before_sha")}),
        ("Origin", {"fields": (("source", "user"), "token", "name", "cancel_on_job_failure")}),
        ("Times", {"fields": (("created", "started"), ("finished", "took"))}),
    )
    readonly_fields = ("state", "reason", "kind", "token", "created", "started", "finished", "took")
    verbs = (
        Verb(
            "cancel",
            "Cancel",
            "cancelled",
            _cancel,
            Only(lambda row: row.status not in COMPLETED, "it has ended already."),
            caution=True,
        ),
        Verb(
            "retry",
            "Retry failed and cancelled jobs",
            "retried",
            _retry,
            Only(
                lambda row: not row.failure_reason,
                "its configuration has errors, so it has no jobs: mend the configuration and run a new pipeline.",
            ),
        ),
    )

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Pipeline], search_term: str
    ) -> tuple[QuerySet[Pipeline], bool]:
        """Pipelines that every word of the search means."""
        for word in search_term.split():
            queryset = queryset.filter(matches(word))
        return queryset, False

    def sections(self, request: HttpRequest, row: Pipeline) -> Iterable[Section]:
        """What is wrong with the configuration, the jobs by stage, given variables, and the newest events."""
        jobs, total = _jobs_of(row)
        if row.config_errors:
            yield _diagnostics("Errors of the configuration", row.config_errors)
        if row.config_warnings:
            yield _diagnostics("Warnings of the configuration", row.config_warnings)
        stages = list(Stage.objects.in_pipeline(row.pk).order_by("pipeline_id", "position"))
        yield _jobs_by_stage(row, stages, jobs, total)
        links = _family(row)
        if links:
            yield links
        variables = list(PipelineVariable.objects.in_pipeline(row.pk).order_by("pipeline_id", "id"))
        if variables:
            yield _variables(variables)
        names = {("job", job.pk): job.name for job in jobs} | {
            ("stage", stage.pk): stage.name for stage in stages
        }
        yield _events(row, {**names, ("pipeline", row.pk): str(row)})

    @admin.display(description="Project")
    def project_path(self, row: Pipeline) -> str:
        """Full path of the project."""
        return row.project.full_path

    @admin.display(description="Status")
    def state(self, row: Pipeline) -> SafeString:
        """The status as a label."""
        return display.badge(row.status)

    @admin.display(description="Failure reason")
    def reason(self, row: Pipeline) -> str:
        """Why the pipeline failed without any job failing."""
        return row.get_failure_reason_display() if row.failure_reason else ""

    @admin.display(description="Kind of ref")
    def kind(self, row: Pipeline) -> str:
        """What the ref is."""
        return f"a {'protected ' if row.protected else ''}{'tag' if row.tag else 'branch'}"

    @admin.display(description="Commit")
    def commit(self, row: Pipeline) -> SafeString:
        """The commit's first characters."""
        return format_html("<code>{}</code>", display.sha(row.sha))

    @admin.display(description="User")
    def by(self, row: Pipeline) -> str:
        """Who asked for the pipeline."""
        return row.user.username if row.user else display.NOTHING

    @admin.display(description="Trigger token")
    def token(self, row: Pipeline) -> SafeString | str:
        """The trigger token that created it."""
        if row.source != PipelineSource.TRIGGER:
            return display.NOTHING
        link = TriggeredPipeline.objects.filter(pk=row.pk).first()
        if link is None:
            return display.NOTHING
        trigger = PipelineTrigger.objects.filter(pk=link.trigger_id).first()
        return display.link("pipelinetrigger", trigger.pk, trigger) if trigger else f"{link} (revoked)"

    @admin.display(description="Created (UTC)")
    def created(self, row: Pipeline) -> str:
        """When it was created."""
        return display.moment(row.created_at)

    @admin.display(description="Started (UTC)")
    def started(self, row: Pipeline) -> str:
        """When its first job started."""
        return display.moment(row.started_at)

    @admin.display(description="Finished (UTC)")
    def finished(self, row: Pipeline) -> str:
        """When its last job finished."""
        return display.moment(row.finished_at)

    @admin.display(description="Duration")
    def took(self, row: Pipeline) -> str:
        """How long jobs were running."""
        return display.seconds(row.duration)


def _jobs_of(pipeline: Pipeline) -> tuple[list[Job], int]:
    """The pipeline's first jobs in order, retried copies included, and how many there are in all."""
    rows = Job.objects.in_pipeline(pipeline.pk)
    jobs = list(rows.select_related("runner", "user").in_order()[: MOST_JOBS + 1])
    total = rows.count() if len(jobs) > MOST_JOBS else len(jobs)
    return jobs[:MOST_JOBS], total


def _diagnostics(title: str, found: Sequence[dict[str, Any]]) -> Table:
    rows = [
        (
            format_html("<code>{}:{}:{}</code>", item.get("file"), item.get("line"), item.get("column")),
            item.get("path") or display.NOTHING,
            item.get("message", ""),
        )
        for item in found
    ]
    return display.table(title, ("Place", "Key", "What is wrong"), rows)


def _jobs_by_stage(pipeline: Pipeline, stages: Sequence[Stage], jobs: Sequence[Job], total: int) -> Table:
    retries = Counter(job.name for job in jobs if job.retried)
    by_stage: dict[int, list[Sequence[Any]]] = {}
    for job in jobs:
        if not job.retried:
            by_stage.setdefault(job.stage_id, []).append(_job_row(job, retries[job.name]))
    groups = [
        Group(format_html("{} {}", stage.name, display.badge(stage.status)), by_stage[stage.pk])
        for stage in stages
        if stage.pk in by_stage
    ]
    all_jobs = display.list_link("job", urlencode({"pipeline": pipeline.pk}), "all of them, in a list")
    count = f"{total} jobs, retried copies included"
    shown = f"{count}; the first {MOST_JOBS} are shown here" if total > MOST_JOBS else count
    return Table(
        "Jobs",
        ("Job", "Status", "Failure", "Waited", "Ran", "Runner", "Started by", "Retried"),
        groups,
        note=format_html("{}: {}.", shown, all_jobs),
        empty="The pipeline has no jobs.",
    )


def _job_row(job: Job, retries: int) -> Sequence[Any]:
    allowed = " (allowed to fail)" if job.allow_failure and job.status == "failed" else ""
    reason = job.get_failure_reason_display() if job.failure_reason else ""
    runner = display.link("runner", job.runner.pk, job.runner) if job.runner else display.NOTHING
    return (
        display.link("job", job.pk, job.name),
        format_html("{}{}", display.badge(job.status), allowed),
        reason or display.NOTHING,
        display.between(job.queued_at, job.started_at),
        display.between(job.started_at, job.finished_at),
        runner,
        job.user.username if job.user else display.NOTHING,
        f"{retries} times" if retries else display.NOTHING,
    )


def _family(pipeline: Pipeline) -> Table | None:
    """The job that created the pipeline, and the pipelines that its own jobs created, newest first."""
    links = list(
        DownstreamPipeline.objects.select_related("pipeline")
        .filter(Q(pk=pipeline.pk) | Q(source_pipeline_id=pipeline.pk))
        .order_by("-pk")[: MOST_DOWNSTREAM + 1]
    )
    if not links:
        return None
    bridges = {job.pk: job for job in Job.objects.by_ids([link.source_job_id for link in links])}
    rows = [_family_row(pipeline, link, bridges.get(link.source_job_id)) for link in links[:MOST_DOWNSTREAM]]
    more = f"The newest {MOST_DOWNSTREAM} are shown." if len(links) > MOST_DOWNSTREAM else ""
    return display.table(
        "Upstream and downstream", ("Which", "Pipeline", "Status", "Job", "Strategy"), rows, note=more
    )


def _family_row(pipeline: Pipeline, link: DownstreamPipeline, bridge: Job | None) -> Sequence[Any]:
    upstream = link.pk == pipeline.pk
    kind = "by job token" if link.by_token else "child" if link.child else "of another project"
    which = "created by" if upstream else kind
    other_id = link.source_pipeline_id if upstream else link.pk
    return (
        which,
        display.link("pipeline", other_id, f"#{other_id}"),
        display.NOTHING if upstream else display.badge(link.pipeline.status),
        display.link("job", bridge.pk, bridge.name) if bridge else display.NOTHING,
        link.strategy or display.NOTHING,
    )


def _variables(variables: Sequence[PipelineVariable]) -> Table:
    rows = [(variable.key, variable.get_variable_type_display(), display.HIDDEN) for variable in variables]
    return display.table(
        "Variables given when it was created", ("Key", "Type", "Value"), rows, note="Values are not shown."
    )


def _events(pipeline: Pipeline, names: dict[tuple[str, int], str]) -> Table:
    newest = Event.objects.in_pipeline(pipeline.pk).order_by("-pipeline_id", "-id")[:MOST_EVENTS]
    rows = [
        (
            display.moment(event.created_at),
            event.get_kind_display(),
            names.get((event.kind, event.subject_id), event.subject_id),
            display.badge(event.old_status) if event.old_status else display.NOTHING,
            display.badge(event.status),
        )
        for event in newest
    ]
    return display.table(
        f"Newest {MOST_EVENTS} events",
        ("At (UTC)", "What", "Which", "From", "To"),
        rows,
        empty="Nothing has happened.",
    )
