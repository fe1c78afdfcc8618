"""Logs grow by offsets, artifacts are whole or not there."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ci_core import clock, storage
from ci_core.actions.artifacts import remove_expired_artifacts, store_artifact
from ci_core.actions.jobs import succeed_job
from ci_core.actions.traces import append_trace
from ci_core.errors import (
    ArtifactInvalid,
    ArtifactTooLarge,
    JobNotRunning,
    TraceOffsetMismatch,
    TraceTooLarge,
)
from ci_core.models import Artifact, Job, Trace, TraceChunk
from ci_core.queueing import claim_job
from tests.factories import pipeline_with, runner_with_token

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> Job:
    pipeline_with("a: {script: x}")
    claimed = claim_job(runner_with_token()[0])
    assert claimed is not None
    return claimed


def stored_files(settings: object) -> list[Path]:
    root = settings.PIPEYARD_ARTIFACTS  # type: ignore[attr-defined]
    return [path for path in Path(root).rglob("*") if path.is_file()]


def upload(job: Job, data: bytes = b"zip", **options: object) -> Artifact:
    given = {"size": len(data), "file_type": "archive", "file_format": "zip", "lives": None} | options
    return store_artifact(job, "artifacts.zip", iter([data]), **given)  # type: ignore[arg-type]


def test_chunks_are_appended_with_their_checksum(job: Job) -> None:
    assert append_trace(job, 0, b"hello ") == 6
    assert append_trace(job, 6, b"world") == 11
    assert append_trace(job, 11, b"") == 11
    trace = Trace.objects.by_ids([job.pk]).get()
    assert (trace.size, trace.checksum) == (11, zlib.crc32(b"hello world"))
    chunks = TraceChunk.objects.of_jobs([job.pk]).order_by("start")
    assert b"".join(bytes(chunk.data) for chunk in chunks) == b"hello world"


@pytest.mark.parametrize("start", [0, 3, 6, 99])
def test_a_chunk_at_a_wrong_offset_is_refused_whole(job: Job, start: int) -> None:
    append_trace(job, 0, b"hello")
    with pytest.raises(TraceOffsetMismatch) as refused:
        append_trace(job, start, b"x")
    assert refused.value.fields["size"] == 5
    assert Trace.objects.by_ids([job.pk]).get().size == 5
    assert TraceChunk.objects.of_jobs([job.pk]).count() == 1


def test_a_trace_over_the_limit_is_refused(job: Job, settings: object) -> None:
    settings.PIPEYARD_TRACE_LIMIT = 10  # type: ignore[attr-defined]
    append_trace(job, 0, b"0123456789")
    with pytest.raises(TraceTooLarge, match="10 bytes"):
        append_trace(job, 10, b"x")


def test_an_artifact_is_stored_with_its_checksum(job: Job) -> None:
    artifact = upload(job, b"content")
    assert (artifact.size, artifact.filename) == (7, "artifacts.zip")
    with storage.open_blob(artifact.blob) as file:
        assert file.read() == b"content"


def test_an_artifact_of_the_same_type_replaces_the_first(job: Job, settings: object) -> None:
    upload(job, b"one")
    upload(job, b"report", file_type="junit", file_format="gzip")
    second = upload(job, b"two")
    assert {artifact.file_type for artifact in Artifact.objects.of_jobs([job.pk])} == {"archive", "junit"}
    assert Artifact.objects.by_artifact_id(second.pk).get().blob == second.blob
    assert len(stored_files(settings)) == 2


@pytest.mark.parametrize(
    "options",
    [{"file_format": "rar"}, {"file_format": "gzip"}, {"file_type": "../x"}, {"file_type": "x" * 65}],
)
def test_an_artifact_that_cannot_be_one_is_refused(
    job: Job, options: dict[str, str], settings: object
) -> None:
    with pytest.raises(ArtifactInvalid):
        upload(job, **options)
    assert not stored_files(settings)


def test_an_artifact_over_the_limit_leaves_nothing(job: Job, settings: object) -> None:
    settings.PIPEYARD_ARTIFACT_LIMIT = 2  # type: ignore[attr-defined]
    with pytest.raises(ArtifactTooLarge, match="3 bytes"):
        upload(job, b"zip")
    assert not stored_files(settings)
    assert not Artifact.objects.of_jobs([job.pk]).exists()


def test_an_upload_that_breaks_off_leaves_nothing(job: Job, settings: object) -> None:
    def broken() -> Iterator[bytes]:
        yield b"some"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store_artifact(job, "a.zip", broken(), size=9, file_type="archive", file_format="zip", lives=None)
    assert not stored_files(settings)


def test_a_finished_job_takes_no_artifact(job: Job, settings: object) -> None:
    succeed_job(job.pk)
    with pytest.raises(JobNotRunning):
        upload(job)
    assert not stored_files(settings)


def test_expired_artifacts_go_with_their_files(
    job: Job, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(job, b"short", lives=timedelta(hours=1))
    upload(job, b"long", file_type="junit", file_format="gzip", lives=timedelta(days=2))
    later = clock.now() + timedelta(days=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert remove_expired_artifacts() == 1
    assert [artifact.file_type for artifact in Artifact.objects.of_jobs([job.pk])] == ["junit"]
    assert len(stored_files(settings)) == 1


@pytest.mark.parametrize("key", ["../x", "/etc/passwd", "a/../../x"])
def test_a_key_cannot_leave_the_storage(key: str) -> None:
    with pytest.raises(ValueError, match="not a key"):
        storage.open_blob(key)
