"""Jobs with `needs:pipeline` alone, which mirror the newest pipeline of a project's default branch.

Source: https://docs.gitlab.com/ci/yaml/#needspipeline
"""

from __future__ import annotations

from typing import Final

from django.db import connection, transaction

from ci_core import clock
from ci_core.actions.sweeping import one_by_one
from ci_core.actions.triggering import BridgeRefused
from ci_core.decisions.transitions import Event
from ci_core.locks import lock_mirrors
from ci_core.models import Job, MirroredPipeline, Pipeline, Project, User
from ci_core.processing import advance, mirror_again
from ci_core.statuses import COMPLETED, FailureReason, PipelineSource
from ci_core.transition import transition

#: Trigger jobs that one sweep looks at.
BATCH: Final = 200

# Whether a pipeline waits for another one, directly or through others: for those that its trigger jobs follow.
_WAITS_FOR: Final = """
WITH RECURSIVE waited_for(id) AS (
    SELECT %(pipeline)s::bigint
    UNION
    SELECT next.id FROM waited_for CROSS JOIN LATERAL (
        SELECT pipeline_id AS id FROM ci_core_downstreampipeline
        WHERE source_pipeline_id = waited_for.id AND strategy <> ''
        UNION ALL
        SELECT mirrored_id FROM ci_core_mirroredpipeline WHERE pipeline_id = waited_for.id AND following
    ) AS next
)
SELECT EXISTS (SELECT FROM waited_for WHERE id = %(other)s)
"""


def newest_pipeline(pipeline: Pipeline, job: Job, path: str) -> Pipeline | None:
    """The pipeline that a job is to mirror: the newest of the project's default branch; None if there is none yet.

    path: the project's; without a group, it is in the group of the job's own. Raises BridgeRefused for a project that
    whoever started the job may not see.
    """
    if "/" not in path:
        path = "/".join([*pipeline.project.full_path.split("/")[:-1], path])
    user = User.objects.filter(pk=job.user_id, is_active=True).first() if job.user_id else None
    project: Project | None = Project.objects.visible_to(user).filter(full_path=path).first()
    if project is None:
        raise BridgeRefused(
            FailureReason.UPSTREAM_BRIDGE_PROJECT_NOT_FOUND,
            f"There is no project {path}, or whoever started the job may not see it.",
        )
    pipelines = Pipeline.objects.filter(
        project=project, ref=project.default_branch, tag=False, deleting_since=None
    ).exclude(source=PipelineSource.PARENT_PIPELINE.value)
    newest: Pipeline | None = pipelines.order_by("-id").first()
    return newest


def link(pipeline: Pipeline, job: Job, path: str) -> int | None:
    """Gives a pending trigger job of a locked pipeline the pipeline that it mirrors from now on; returns its id.

    Without any pipeline to mirror the job is skipped. The caller commits, then calls `catch_up`. Raises BridgeRefused.
    """
    lock_mirrors()
    newest = newest_pipeline(pipeline, job, path)
    if newest is None:
        advance(pipeline, transition(pipeline, [job.pk], Event.INHERIT_SKIPPED))
        return None
    if newest.status not in COMPLETED and _waits_for(newest.pk, pipeline.pk):
        raise BridgeRefused(
            FailureReason.PIPELINE_LOOP_DETECTED,
            f"The newest pipeline of {path}, #{newest.pk}, is this one or waits for it: both would wait for ever.",
        )
    MirroredPipeline.objects.create(
        job_id=job.pk, pipeline_id=pipeline.pk, mirrored_id=newest.pk, moved_since=clock.now()
    )
    advance(pipeline, transition(pipeline, [job.pk], Event.RUN))
    return newest.pk


def catch_up(job_id: int, mirrored_id: int) -> None:
    """Gives a trigger job the present status of the pipeline that it has begun to mirror.

    Whoever was moving that pipeline as the link was made may not have seen the link: so this waits for them first, and
    holds nothing else meanwhile.
    """
    with transaction.atomic():
        list(Pipeline.objects.raw("SELECT id FROM ci_core_pipeline WHERE id = %s FOR SHARE", [mirrored_id]))
    mirror_again(job_id)


def _waits_for(pipeline_id: int, other_id: int) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(_WAITS_FOR, {"pipeline": pipeline_id, "other": other_id})
        (found,) = cursor.fetchone()
    return bool(found)


def follow_moved_pipelines() -> int:
    """Moves trigger jobs along with mirrored pipelines where that was lost or had to wait; returns how many moved."""
    moved = MirroredPipeline.objects.filter(moved_since__isnull=False).order_by("moved_since")
    return len(one_by_one(list(moved.values_list("job_id", flat=True)[:BATCH]), mirror_again))
