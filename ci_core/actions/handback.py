"""Hands a job back to the queue when the runner that took it was gone before it got the job."""

from __future__ import annotations

from django.db import transaction

from ci_core.decisions.transitions import Event
from ci_core.locks import lock_job
from ci_core.models import Deployment, Job
from ci_core.processing import advance
from ci_core.statuses import ON_RUNNER, DeploymentStatus, Status
from ci_core.transition import transition


@transaction.atomic
def hand_back(job_id: int, attempt: int) -> bool:
    """Puts a job that was just claimed back into the queue; False if that attempt is over already.

    attempt: the job's, as the claim returned it. A job whose cancellation has begun ends `canceled`: no runner is
    there to stop it. Raises NotFound.
    """
    pipeline, job = lock_job(job_id)
    if job.attempt != attempt or job.status not in ON_RUNNER:
        return False
    if job.status == Status.CANCELING:
        changes = transition(pipeline, [job.pk], Event.CANCEL)
    else:
        changes = transition(pipeline, [job.pk], Event.HAND_BACK, runner_id=None, runner_manager_id=None)
        Job.objects.by_ids([job.pk]).update(started_at=None)
        Deployment.objects.filter(job_id=job.pk).update(status=DeploymentStatus.CREATED.value)
    advance(pipeline, changes)
    return True
