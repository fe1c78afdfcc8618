"""Owns artifacts on their way in and out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Final

from asgiref.sync import sync_to_async
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import TemporaryFileUploadHandler
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.http import content_disposition_header

from ci_core import clock, storage
from ci_core.access import access_job
from ci_core.actions.artifacts import store_artifact
from ci_core.actions.runners import heard_of
from ci_core.errors import ArtifactInvalid, JobNotRunning, NotFound
from ci_core.models import Artifact
from runner_api import auth
from runner_api.http import endpoint, in_thread
from runner_api.wire import responses
from runner_api.wire.fields import Fields
from runner_api.wire.requests import Upload

#: Bytes read from a file at a time.
BLOCK: Final = 256 * 1024
#: Ids beyond this are no job's.
MAX_ID: Final = 2**53


def _upload(request: HttpRequest, job_id: int) -> HttpResponse:
    """201 when the file is stored; an earlier one of the same type is replaced, so sending it twice does no harm."""
    job = auth.running_job_of(request, job_id)
    with _multipart(request) as (form, file):
        upload = Upload.of(Fields.of_form(request.GET, form))
        try:
            artifact = store_artifact(
                job,
                file.name or "",
                file.chunks(BLOCK),
                size=file.size or 0,
                file_type=upload.file_type,
                file_format=upload.file_format,
                lives=upload.lives,
            )
        except JobNotRunning:
            raise auth.over(job) from None
    heard_of(job.pk)
    stored = {"filename": artifact.filename, "size": artifact.size, "file_type": artifact.file_type}
    return responses.json(201, stored, responses.job_status(job.status))


@contextmanager
def _multipart(request: HttpRequest) -> Iterator[tuple[QueryDict, UploadedFile[bytes]]]:
    """The form and the file of a multipart body, also of one that came in chunks without Content-Length.

    Django's parser takes a body without length for an empty one, so it is told that there is a length; it reads to the
    end in any case. Its usual choice between memory and disk goes by that length too, so the file is put on disk.
    Raises ArtifactInvalid.
    """
    if request.content_type != "multipart/form-data":
        raise ArtifactInvalid("The upload must be multipart/form-data, with the file in the part 'file'.")
    handler = TemporaryFileUploadHandler(request)
    request.upload_handlers = [handler]
    length = request.META.get("CONTENT_LENGTH") or "0"
    meta = {**request.META, "CONTENT_LENGTH": length if length != "0" else "1"}
    try:
        form, files = request.parse_file_upload(meta, request)
    except (MultiPartParserError, ValueError) as error:
        handler.upload_interrupted()
        raise ArtifactInvalid(f"The upload cannot be read: {error}.") from None
    try:
        file = files.get("file")
        if not isinstance(file, UploadedFile):
            raise ArtifactInvalid("The upload has no file: it belongs in the part 'file'.")
        yield form, file
    finally:
        for _, parts in files.lists():
            for part in parts:
                part.close()


async def _download(request: HttpRequest, job_id: int) -> StreamingHttpResponse:
    """The archive of a job, for whoever shows the job's own token, also after its end, or may see the project."""
    artifact = await in_thread(_archive, request, job_id)
    headers = {
        "Content-Length": str(artifact.size),
        "Cache-Control": "private, no-store",
        "Content-Disposition": content_disposition_header(True, artifact.filename) or "attachment",
    }
    return StreamingHttpResponse(
        _blocks(artifact.blob), content_type="application/octet-stream", headers=headers
    )


def _archive(request: HttpRequest, job_id: int) -> Artifact:
    if "Job-Token" in request.headers:
        job = auth.job_of(request, job_id)
    else:
        principal = auth.person_of(request)
        if job_id > MAX_ID:
            raise NotFound("There is no such job, or you may not see it.")
        job = access_job(job_id, principal)
    archive: Artifact | None = Artifact.objects.of_jobs([job.pk]).archives_at(clock.now()).first()
    if archive is None:
        raise NotFound("The job has no artifacts, or they have expired.")
    try:
        storage.open_blob(archive.blob).close()
    except FileNotFoundError:
        raise NotFound("The artifacts are gone from the storage.") from None
    return archive


async def _blocks(key: str) -> AsyncIterator[bytes]:
    """A stored file, read in a thread."""
    file = await sync_to_async(storage.open_blob, thread_sensitive=False)(key)
    try:
        while block := await sync_to_async(file.read, thread_sensitive=False)(BLOCK):
            yield block
    finally:
        file.close()


artifacts = endpoint(POST=_upload, GET=_download)
