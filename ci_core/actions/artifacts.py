"""Stores and removes artifacts."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import Final

from django.conf import settings
from django.db import transaction

from ci_core import clock, storage
from ci_core.errors import ArtifactInvalid, ArtifactTooLarge, InvalidInput, JobNotRunning
from ci_core.locks import lock_job
from ci_core.models import Artifact, ArtifactFormat, Job, Project
from ci_core.models.ids import MAX_ON_JOB, job_of, on_job
from ci_core.statuses import ON_RUNNER

#: Formats that each file type may have; a type that is not here takes any.
ARCHIVE: Final = "archive"
_ARCHIVE_FORMATS: Final = frozenset({ArtifactFormat.ZIP, ArtifactFormat.ZIPZSTD, ArtifactFormat.TARZSTD})
#: Expired artifacts that one sweep removes.
EXPIRY_BATCH: Final = 500
#: Artifacts that one call of `destroy_artifacts` removes.
DESTROYED_AT_ONCE: Final = 100


def store_artifact(
    job: Job,
    filename: str,
    blocks: Iterable[bytes],
    *,
    size: int,
    file_type: str,
    file_format: str,
    lives: timedelta | None,
) -> Artifact:
    """Stores one uploaded file of a running job; an earlier one of the same type is replaced.

    size: bytes, checked against PIPEYARD_ARTIFACT_LIMIT before anything is stored. lives: None keeps it for good.
    Raises ArtifactTooLarge, ArtifactInvalid, JobNotRunning.
    """
    if size > settings.PIPEYARD_ARTIFACT_LIMIT:
        raise ArtifactTooLarge(
            f"The upload has {size} bytes; this server takes artifacts of up to {settings.PIPEYARD_ARTIFACT_LIMIT}."
        )
    file_format = _checked_format(file_type, file_format)
    blob = storage.put(f"{job.project_id}/{job.pipeline_id}/{job.pk}", blocks)
    try:
        with transaction.atomic():
            artifact, replaced = _insert(job, filename, blob, file_type, file_format, _expiry(lives))
    except BaseException:
        storage.delete(blob.key)
        raise
    for key in replaced:
        storage.delete(key)
    return artifact


def _checked_format(file_type: str, file_format: str) -> str:
    if not file_type.isidentifier() or len(file_type) > 64:
        raise ArtifactInvalid(f"{file_type!r} is not an artifact type.")
    try:
        known = ArtifactFormat(file_format)
    except ValueError:
        formats = ", ".join(ArtifactFormat)
        raise ArtifactInvalid(f"{file_format!r} is not an artifact format; it is one of {formats}.") from None
    if file_type == ARCHIVE and known not in _ARCHIVE_FORMATS:
        raise ArtifactInvalid(f"An archive is packed as zip, zipzstd or tarzstd, not as {file_format}.")
    return known.value


def _expiry(lives: timedelta | None) -> datetime | None:
    return clock.now() + lives if lives is not None else None


def _insert(
    job: Job, filename: str, blob: storage.Blob, file_type: str, file_format: str, expire_at: datetime | None
) -> tuple[Artifact, list[str]]:
    """The new row, and the keys of the files it replaces."""
    _, current = lock_job(job.pk)
    if current.status not in ON_RUNNER:
        raise JobNotRunning(f"{job.name} is {current.status}.")
    existing = list(Artifact.objects.of_jobs([job.pk]).order_by("id"))
    number = (existing[-1].pk & MAX_ON_JOB) + 1 if existing else 1
    if number > MAX_ON_JOB:
        raise ArtifactInvalid(
            f"{job.name} has uploaded {MAX_ON_JOB} artifacts, the most that a job can have."
        )
    old = [artifact for artifact in existing if artifact.file_type == file_type]
    Artifact.objects.of_jobs([job.pk]).filter(id__in=[artifact.pk for artifact in old]).delete()
    artifact = Artifact.objects.create(
        id=on_job(job.pk, number),
        pipeline_id=job.pipeline_id,
        job_id=job.pk,
        project_id=job.project_id,
        file_type=file_type,
        file_format=file_format,
        filename=PurePosixPath(filename).name[:255] or "artifacts",
        size=blob.size,
        sha256=blob.sha256,
        blob=blob.key,
        created_at=clock.now(),
        expire_at=expire_at,
    )
    return artifact, [artifact.blob for artifact in old]


def remove_expired_artifacts() -> int:
    """Removes artifacts whose time has come, at most EXPIRY_BATCH; returns how many."""
    due = list(Artifact.objects.filter(expire_at__lte=clock.now()).order_by("expire_at")[:EXPIRY_BATCH])
    remove_artifacts(due)
    return len(due)


def destroy_artifacts(project: Project, artifact_ids: Collection[int]) -> list[Artifact]:
    """Removes those of these artifacts that are of the project; returns them. Raises InvalidInput."""
    if len(artifact_ids) > DESTROYED_AT_ONCE:
        raise InvalidInput(f"Up to {DESTROYED_AT_ONCE} artifacts can be removed at once.")
    found = list(
        Artifact.objects.of_jobs({job_of(id_) for id_ in artifact_ids})
        .filter(project_id=project.pk, id__in=list(artifact_ids))
        .order_by("id")
    )
    remove_artifacts(found)
    return found


def remove_artifacts(artifacts: Collection[Artifact]) -> None:
    """Removes artifacts, files first: when that is interrupted, the rows are still there to go on from."""
    for artifact in artifacts:
        storage.delete(artifact.blob)
    Artifact.objects.of_jobs({artifact.job_id for artifact in artifacts}).filter(
        id__in=[artifact.pk for artifact in artifacts]
    ).delete()
