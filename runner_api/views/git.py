"""Owns git's smart HTTP protocol, read only: https://git-scm.com/docs/http-protocol"""

from __future__ import annotations

import re
import zlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse

from ci_core.errors import CiError
from ci_core.repositories import open_repository
from ci_core.repositories.reading import repository_folder
from ci_core.repositories.serving import advertise, upload_pack
from runner_api import auth
from runner_api.errors import Refused
from runner_api.http import endpoint, in_thread, read_body

SERVICE: Final = "git-upload-pack"
#: Largest request for objects, bytes, also once it is unpacked.
MAX_REQUEST: Final = 16 * 1024 * 1024
_PROTOCOL: Final = re.compile(r"version=[0-2]")
_NOT_CACHED: Final = {"Cache-Control": "no-cache, max-age=0, must-revalidate"}


async def _info_refs(request: HttpRequest, full_path: str) -> StreamingHttpResponse:
    """Which refs there are, or for version 2 what the server can do."""
    service = request.GET.get("service", "")
    if service != SERVICE:
        raise _read_only()
    folder = await in_thread(_folder, request, full_path)
    return await _stream(advertise(folder, _protocol(request)), f"application/x-{SERVICE}-advertisement")


async def _upload_pack(request: HttpRequest, full_path: str) -> StreamingHttpResponse:
    """Refs and objects."""
    folder = await in_thread(_folder, request, full_path)
    body = _unpacked(request, read_body(request, MAX_REQUEST))
    return await _stream(upload_pack(folder, _protocol(request), body), f"application/x-{SERVICE}-result")


async def _receive_pack(request: HttpRequest, full_path: str) -> HttpResponse:
    raise _read_only()


def _read_only() -> Refused:
    return Refused(403, "Repositories are served for fetching only, over git's smart HTTP protocol.")


def _folder(request: HttpRequest, full_path: str) -> Path:
    """The repository of a project that the caller may read. Raises Refused (401) and RepositoryMissing."""
    project = auth.project_for_git(request, full_path)
    open_repository(project)
    return repository_folder(project)


def _protocol(request: HttpRequest) -> str:
    """The protocol version that the client wants; it becomes part of git's environment, so nothing else passes."""
    wanted = _PROTOCOL.search(request.headers.get("Git-Protocol", ""))
    return wanted.group() if wanted else ""


def _unpacked(request: HttpRequest, body: bytes) -> bytes:
    """The body, unpacked if git packed it. Raises Refused for one that cannot be read or is too large."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise Refused(415, f"The Content-Encoding {encoding[:40]!r} is not understood; use gzip.")
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacking.decompress(body, MAX_REQUEST + 1)
    except zlib.error as error:
        raise Refused(400, f"The request body is not gzip: {error}.") from None
    if len(unpacked) > MAX_REQUEST:
        raise Refused(413, f"The request body is larger than {MAX_REQUEST} bytes.")
    if not unpacking.eof:
        raise Refused(400, "The gzip of the request body is cut off.")
    return unpacked


async def _stream(blocks: AsyncGenerator[bytes, None], content_type: str) -> StreamingHttpResponse:
    """Answers with what git says, as it says it. Git that says nothing has failed, and that is said in time."""
    try:
        first = await anext(blocks)
    except StopAsyncIteration:
        raise CiError("The repository cannot be read, or git does not understand the request.") from None
    return StreamingHttpResponse(_from(first, blocks), content_type=content_type, headers=_NOT_CACHED)


async def _from(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """All blocks; git is ended when the reader goes away."""
    async with aclosing(rest):
        yield first
        async for block in rest:
            yield block


info_refs = endpoint(GET=_info_refs)
git_upload_pack = endpoint(POST=_upload_pack)
git_receive_pack = endpoint(POST=_receive_pack)
