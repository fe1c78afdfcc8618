"""Owns reading pipelines of projects, and what their repositories say of their commits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Count, Max, Q

from ci_core import models
from ci_core.compiler import unpacked
from ci_core.errors import RepositoryMissing
from ci_core.prepared import fetch_prepared
from ci_core.repositories import Commit, open_repository
from ci_core.statuses import COMPLETED, Status
from graphql_api.context import Context
from graphql_api.loaders.slim import Columns

_SUPERSEDED: Final = """
SELECT parent.id FROM unnest(%s::bigint[], %s::bigint[], %s::text[]) AS parent(id, project_id, ref)
WHERE EXISTS (
    SELECT 1 FROM ci_core_pipeline AS newer
    WHERE newer.project_id = parent.project_id AND newer.ref = parent.ref AND newer.id > parent.id
        AND newer.source <> 'parent_pipeline'
)
"""


PIPELINES: Final = Columns(
    "Pipeline",
    models.Pipeline,
    always=("id", "project_id", "iid", "ref", "tag", "sha", "source", "status", "user_id"),
    fields={
        "yaml_errors": ("config_errors",),
        "yaml_error_messages": ("config_errors",),
        "error_messages": ("config_errors",),
        "warning_messages": ("config_warnings",),
        "duration": ("duration", "started_at", "finished_at"),
        "queued_duration": ("created_at", "started_at"),
    },
    otherwise=(),
)
#: Hand-written, as in `ci_core.access`.
_BY_IID: Final = (
    "SELECT {columns} FROM ci_core_pipeline WHERE project_id = ANY(%s::bigint[]) AND iid = %s::bigint"
)


@dataclass(frozen=True, slots=True)
class Counts:
    """How many pipelines a project has, by what they are doing."""

    all: int = 0
    finished: int = 0
    pending: int = 0
    running: int = 0


@dataclass(frozen=True, slots=True)
class CommitInProject:
    """A commit, and the project in whose repository it is."""

    project: models.Project
    commit: Commit


def by_iid(context: Context, project_ids: Sequence[int], iid: int) -> dict[int, models.Pipeline]:
    """The pipeline with this iid of each project."""
    rows = PIPELINES.read_sql(context, _BY_IID, [list(project_ids), iid])
    return {row.project_id: row for row in rows}


def newest_of_sha(project_ids: Sequence[int], sha: str) -> dict[int, models.Pipeline]:
    """The newest pipeline of each project for a commit; not a child."""
    newest = (
        models.Pipeline.objects.without_children()
        .filter(project_id__in=project_ids, sha=sha)
        .order_by()
        .values("project_id")
        .annotate(newest=Max("id"))
    )
    rows = models.Pipeline.objects.filter(pk__in=newest.values("newest"))
    return {row.project_id: row for row in rows}


def counts(
    project_ids: Sequence[int], ref: str | None, sha: str | None, source: str | None
) -> dict[int, Counts]:
    """How many pipelines each project has, with these properties where given; no children unless asked for."""
    given = {"ref": ref, "sha": sha, "source": source}
    every = models.Pipeline.objects.all()
    rows = (every if source is not None else every.without_children()).filter(
        project_id__in=project_ids, **{name: value for name, value in given.items() if value is not None}
    )
    finished = [status.value for status in COMPLETED]
    counted = (
        rows.order_by()
        .values("project_id")
        .annotate(
            all=Count("id"),
            finished=Count("id", filter=Q(status__in=finished)),
            pending=Count("id", filter=Q(status=Status.PENDING.value)),
            running=Count("id", filter=Q(status=Status.RUNNING.value)),
        )
    )
    return {row.pop("project_id"): Counts(**row) for row in counted}


def superseded(pipelines: Sequence[models.Pipeline]) -> set[int]:
    """Ids of those of the pipelines that have a newer one of the same ref."""
    ids, projects = [row.pk for row in pipelines], [row.project_id for row in pipelines]
    _, found = fetch_prepared(_SUPERSEDED, [ids, projects, [row.ref for row in pipelines]])
    return {id_ for (id_,) in found}


def explanations(pipeline_ids: Iterable[int]) -> dict[int, Any]:
    """Why each job is in each pipeline or not; those from before this was kept are left out."""
    rows = models.PipelineExplanation.objects.filter(pipeline_id__in=list(pipeline_ids))
    return {row.pk: unpacked(json.loads(row.content)) for row in rows}


def commits(context: Context, places: Iterable[tuple[models.Project, str]]) -> list[CommitInProject | None]:
    """The commit with each id in each project's repository; None where there is none any more."""
    return [_commit(context, project, sha) for project, sha in places]


def _commit(context: Context, project: models.Project, sha: str) -> CommitInProject | None:
    def read(missing: list[str]) -> Mapping[str, Commit]:
        try:
            repository = open_repository(project)
        except RepositoryMissing:
            return {}
        found = {id_: repository.commit(id_) for id_ in missing}
        return {id_: commit for id_, commit in found.items() if commit is not None}

    commit = context.remembered(f"commits of {project.pk}", [sha], read)[sha]
    return CommitInProject(project, commit) if commit else None


def tags_by_commit(
    context: Context, projects: Iterable[models.Project]
) -> Mapping[int, Mapping[str, list[str]]]:
    """By project, the tags that point to each commit of its repository; read once a request."""
    by_id = {project.pk: project for project in projects}

    def read(missing: list[int]) -> Mapping[int, Mapping[str, list[str]]]:
        return {project_id: _tags(by_id[project_id]) for project_id in missing}

    found = context.remembered("tags by commit", by_id, read)
    return {project_id: found[project_id] or {} for project_id in by_id}


def _tags(project: models.Project) -> Mapping[str, list[str]]:
    try:
        return open_repository(project).tags_by_commit()
    except RepositoryMissing:
        return {}


def users_by_email(context: Context, emails: Iterable[str]) -> Mapping[str, models.User | None]:
    """Active users by their email address."""

    def read(missing: list[str]) -> Mapping[str, models.User]:
        rows = models.User.objects.filter(email__in=missing, is_active=True).order_by("-pk")
        return {row.email: row for row in rows}

    return context.remembered("user by email", [email for email in emails if email], read)
