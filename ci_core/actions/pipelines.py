"""What can be done with pipelines: create, cancel, retry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from django.db import transaction

from ci_core import clock, events
from ci_core.actions.planning import write_plan
from ci_core.actions.redundancy import cancel_redundant_pipelines, makes_redundant
from ci_core.actions.retrying import copy_jobs, refuse_archived
from ci_core.compiler import CompileResult, collector_paused
from ci_core.configuration import NO_COMMIT, Compiled, Situation, compile_project
from ci_core.decisions.transitions import Event
from ci_core.errors import NotCancelable, NotRetryable, PipelineFiltered
from ci_core.locks import lock_pipeline, next_internal_id
from ci_core.models import EventKind, Job, OnNewCommit, Pipeline, PipelineExplanation, Project, User
from ci_core.processing import advance, cancel_children, start
from ci_core.processing.cancelling import cancel_jobs
from ci_core.statuses import NOT_RETRYABLE, PipelineFailureReason, PipelineSource, Status
from ci_core.transition import transition
from ci_core.variables.given import GivenVariable, check_variables

__all__ = ["NO_COMMIT", "cancel_pipeline", "create_pipeline", "retry_pipeline"]

#: Compiler diagnostics that say "no pipeline here" rather than "this file is wrong".
FILTERED_CODES: Final = frozenset({"no_jobs", "workflow_filtered"})


@collector_paused()
def create_pipeline(
    project: Project,
    ref: str,
    source: PipelineSource,
    *,
    acting_user: User | None,
    variables: Sequence[GivenVariable] = (),
    inputs: Mapping[str, Any] | None = None,
    before_sha: str | None = None,
    schedule: str | None = None,
) -> Pipeline:
    """Creates and starts the pipeline of a branch or tag.

    A configuration with errors gives a pipeline that has failed, with all its errors in `config_errors`. Raises
    RefNotFound, RepositoryMissing, ConfigMissing, PipelineFiltered when the rules leave no job, and InvalidInput for
    variables that cannot be. before_sha: where the branch was before a push (NO_COMMIT: nowhere, it is new). schedule:
    the description of the schedule that fires.
    """
    check_variables(variables)
    situation = Situation(ref, source, variables, inputs or {}, before_sha, schedule)
    compiled = compile_runnable(project, situation, acting_user=acting_user)
    with transaction.atomic():
        return store_pipeline(project, compiled, situation, acting_user=acting_user)


def compile_runnable(project: Project, situation: Situation, *, acting_user: User | None) -> Compiled:
    """What a new pipeline would be: compiled outside any transaction, since that may take long.

    Raises as `create_pipeline`.
    """
    compiled = compile_project(project, situation, acting_user=acting_user)
    _refuse_filtered(compiled.result)
    return compiled


def store_pipeline(
    project: Project,
    compiled: Compiled,
    situation: Situation,
    *,
    acting_user: User | None,
    link: Callable[[Pipeline], None] | None = None,
) -> Pipeline:
    """Writes a compiled pipeline and starts it, in the caller's transaction.

    link: writes what says where the pipeline comes from, before it moves.
    """
    iid = next_internal_id(project.pk, "pipelines")
    if iid != compiled.iid and compiled.depends_on_iid:
        # Another pipeline took the iid that was expected.
        compiled = compile_runnable(project, replace(situation, iid=iid), acting_user=acting_user)
    result = compiled.result
    pipeline = _insert(project, compiled, iid, situation.source, acting_user)
    if link is not None:
        link(pipeline)
    explanation = json.dumps(result.explanation.packed(), separators=(",", ":"))
    PipelineExplanation.objects.create(pipeline=pipeline, content=explanation)
    if result.pipeline is not None:
        start(pipeline, write_plan(pipeline, result.pipeline, compiled.variables.values, situation.variables))
        if pipeline.redundancy_unchecked:
            transaction.on_commit(lambda: cancel_redundant_pipelines(pipeline), robust=True)
    return pipeline


def _refuse_filtered(result: CompileResult) -> None:
    if result.errors and all(error.code in FILTERED_CODES for error in result.errors):
        raise PipelineFiltered(result.errors[0].message)


def _insert(
    project: Project, compiled: Compiled, iid: int, source: PipelineSource, user: User | None
) -> Pipeline:
    """The pipeline's own row: `created`, or `failed` when the configuration has errors."""
    commit, result = compiled.commit, compiled.result
    now = clock.now()
    failed = result.pipeline is None
    pipeline = Pipeline(
        project=project,
        iid=iid,
        ref=commit.ref,
        tag=commit.tag,
        protected=compiled.protected,
        sha=commit.sha,
        before_sha=compiled.before_sha,
        source=source.value,
        user=user,
        name=(result.pipeline.name if result.pipeline else None) or "",
        status=Status.FAILED.value if failed else Status.CREATED.value,
        failure_reason=PipelineFailureReason.CONFIG_ERROR.value if failed else "",
        config_errors=[error.to_json() for error in result.errors],
        config_warnings=[warning.to_json() for warning in result.warnings],
        cancel_on_job_failure=result.pipeline is not None
        and result.pipeline.auto_cancel_on_job_failure == "all",
        auto_cancel_on_new_commit=result.pipeline.auto_cancel_on_new_commit
        if result.pipeline
        else OnNewCommit.CONSERVATIVE.value,
        redundancy_unchecked=not failed and makes_redundant(project, source),
        created_at=now,
        updated_at=now,
        finished_at=now if failed else None,
    )
    pipeline.save(force_insert=True)
    events.record(pipeline, EventKind.PIPELINE, [events.Change(pipeline.pk, "", pipeline.status)])
    return pipeline


@transaction.atomic
def cancel_pipeline(pipeline_id: int) -> Pipeline:
    """Cancels every job that has not finished, and those of its child pipelines; manual jobs stay as they are.

    Raises NotCancelable when there is no such job in the pipeline itself.
    """
    pipeline = lock_pipeline(pipeline_id)
    ids = list(Job.objects.in_pipeline(pipeline.pk).cancelable().values_list("id", flat=True))
    if not ids:
        raise NotCancelable("No job of the pipeline is waiting or running.")
    cancel_children(pipeline)
    advance(pipeline, cancel_jobs(pipeline, ids))
    return pipeline


@transaction.atomic
def retry_pipeline(pipeline_id: int, *, acting_user: User | None) -> Pipeline:
    """Runs failed and cancelled jobs again as new copies, and gives skipped jobs another chance.

    Raises NotRetryable when no job failed or was cancelled.
    """
    pipeline = lock_pipeline(pipeline_id)
    refuse_archived(pipeline, NotRetryable)
    latest = Job.objects.in_pipeline(pipeline.pk).latest_copies()
    retryable = list(
        latest.filter(status__in=[Status.FAILED.value, Status.CANCELED.value])
        .exclude(failure_reason__in=NOT_RETRYABLE)
        .values_list("id", flat=True)
    )
    if not retryable:
        raise NotRetryable("No job of the pipeline failed or was cancelled.")
    copy_jobs(pipeline, retryable, acting_user=acting_user, enqueue_immediately=False)
    skipped = list(latest.filter(status=Status.SKIPPED.value).values_list("id", flat=True))
    transition(pipeline, skipped, Event.RESET)
    advance(pipeline, copied=True)
    return pipeline
