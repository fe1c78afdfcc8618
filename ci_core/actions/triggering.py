"""What a trigger job may create: in which project, on whose behalf, and how deep and large its family may get."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection

from ci_core import access
from ci_core.decisions.bridges import Strategy
from ci_core.errors import NotFound
from ci_core.models import DownstreamPipeline, Job, Pipeline, Project, User
from ci_core.statuses import AccessLevel, FailureReason

#: Levels of child pipelines below a pipeline
#: (https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#nested-child-pipelines).
MAX_CHILD_LEVELS: Final = 2
#: Times that one project, ref and source may be upstream of each other before that counts as a loop.
MAX_ROUNDS: Final = 2

# A pipeline and its upstream pipelines, up to the root.
_UPSTREAMS: Final = """
WITH RECURSIVE family(id, depth) AS (
    SELECT %(pipeline)s::bigint, 0
    UNION ALL
    SELECT link.source_pipeline_id, family.depth + 1
    FROM family JOIN ci_core_downstreampipeline AS link ON link.pipeline_id = family.id
    WHERE family.depth < %(limit)s
)
SELECT family.id, pipeline.project_id, pipeline.ref, pipeline.source, coalesce(link.child, false)
FROM family
JOIN ci_core_pipeline AS pipeline ON pipeline.id = family.id
LEFT JOIN ci_core_downstreampipeline AS link ON link.pipeline_id = family.id
ORDER BY family.depth
"""


class BridgeRefused(Exception):
    """A trigger job may not create its pipeline; the reason it fails with, and words for people."""

    def __init__(self, reason: FailureReason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class Target:
    """Where a trigger job creates its pipeline. user: None when the trigger job is nobody's. root_id: of the family."""

    project: Project
    user: User | None
    child: bool
    strategy: Strategy
    root_id: int


def target_of(pipeline: Pipeline, job: Job, trigger: Mapping[str, Any]) -> Target:
    """Checks whether a trigger job may create its pipeline. Raises BridgeRefused.

    trigger: as its definition keeps it. The order of the checks is GitLab's.
    """
    user = User.objects.filter(pk=job.user_id, is_active=True).first() if job.user_id else None
    child = bool(trigger["include"])
    project = pipeline.project if child else _visible(trigger["project"], user)
    if not child and project.pk == pipeline.project_id:
        raise BridgeRefused(
            FailureReason.INVALID_BRIDGE_TRIGGER,
            "trigger:project names the job's own project: use trigger:include for a child pipeline.",
        )
    family = _family(pipeline.pk)
    root_id = family[-1][0]
    if child:
        _refuse_deep(family)
    refuse_large(root_id)
    _refuse_unallowed(pipeline, project, job, user, child=child)
    if not child:
        _refuse_loop(family)
    return Target(project, user, child, Strategy(trigger["strategy"]), root_id)


def _visible(full_path: str, user: User | None) -> Project:
    found: Project | None = Project.objects.visible_to(user).filter(full_path=full_path).first()
    if found is None:
        raise BridgeRefused(
            FailureReason.DOWNSTREAM_BRIDGE_PROJECT_NOT_FOUND,
            f"There is no project {full_path}, or whoever started the trigger job may not see it.",
        )
    return found


def _family(pipeline_id: int) -> list[Any]:
    """A pipeline and its upstream pipelines, nearest first: (id, project id, ref, source, whether a child)."""
    limit = settings.PIPEYARD_PIPELINE_FAMILY_SIZE
    with connection.cursor() as cursor:
        cursor.execute(_UPSTREAMS, {"pipeline": pipeline_id, "limit": limit})
        return list(cursor.fetchall())


def root_of(pipeline_id: int) -> int:
    """The id of the pipeline in which the family of a pipeline began. Raises NotFound for one that is gone."""
    family = _family(pipeline_id)
    if not family:
        raise NotFound("The pipeline does not exist.")
    return int(family[-1][0])


def _refuse_deep(family: list[Any]) -> None:
    levels = next((depth for depth, row in enumerate(family) if not row[4]), len(family))
    if levels >= MAX_CHILD_LEVELS:
        raise BridgeRefused(
            FailureReason.REACHED_MAX_DESCENDANT_PIPELINES_DEPTH,
            f"Child pipelines may have children, but not more than {MAX_CHILD_LEVELS} levels of them.",
        )


def refuse_large(root_id: int) -> None:
    """Refuses one more pipeline in a family that is as large as may be. Raises BridgeRefused.

    Source: https://docs.gitlab.com/administration/instance_limits/#limit-pipeline-hierarchy-size
    """
    limit = settings.PIPEYARD_PIPELINE_FAMILY_SIZE
    if 1 + DownstreamPipeline.objects.filter(root_id=root_id).count() >= limit:
        raise BridgeRefused(
            FailureReason.REACHED_MAX_PIPELINE_HIERARCHY_SIZE,
            f"The pipeline #{root_id} and all that it led to are {limit} pipelines: there may be no more.",
        )


def _refuse_unallowed(
    pipeline: Pipeline, project: Project, job: Job, user: User | None, *, child: bool
) -> None:
    """Whoever started the trigger job must be allowed to run pipelines in both projects.

    A trigger job that is nobody's, of a pipeline that Pipeyard itself created, may create children only.
    """
    if child and job.user_id is None:
        return
    principal = access.signed_in(user) if user is not None else access.anonymous()
    for each in (pipeline.project, project):
        if principal.level_in(each.pk) < AccessLevel.DEVELOPER:
            raise BridgeRefused(
                FailureReason.INSUFFICIENT_BRIDGE_PERMISSIONS,
                f"Whoever started the trigger job may not run pipelines in {each.full_path}: that takes a developer.",
            )


def _refuse_loop(family: list[Any]) -> None:
    """One round is allowed: it may end by itself. Children do not count, since they run for the same configuration."""
    rounds = Counter((project_id, ref, source) for _, project_id, ref, source, child in family if not child)
    if any(count > MAX_ROUNDS for count in rounds.values()):
        raise BridgeRefused(
            FailureReason.PIPELINE_LOOP_DETECTED,
            "The projects trigger each other in a circle: take one of the trigger jobs out by rules, for instance "
            'when $CI_PIPELINE_SOURCE == "pipeline".',
        )
