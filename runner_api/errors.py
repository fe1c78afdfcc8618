"""Owns how a refusal reaches a runner: the HTTP status of each domain error, and the JSON that says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import HttpResponse

from ci_core import errors as domain
from ci_core.errors import CiError
from ci_core.repositories.reading import FileTooLarge
from runner_api.wire import responses

log = structlog.get_logger("pipeyard.runner_api")

#: Status of each domain error; the tests hold this complete.
HTTP_STATUS: Final[Mapping[type[CiError], int]] = {
    CiError: 400,
    domain.NotFound: 404,
    domain.Forbidden: 403,
    domain.InvalidInput: 400,
    domain.TooManyTries: 429,
    domain.RefNotFound: 404,
    domain.RepositoryMissing: 404,
    domain.ConfigMissing: 404,
    domain.PipelineFiltered: 400,
    domain.NotPlayable: 409,
    domain.NotRetryable: 409,
    domain.NotCancelable: 409,
    domain.NotErasable: 409,
    domain.DependencyMissing: 409,
    domain.JobLimitReached: 409,
    domain.ScheduleLimitReached: 409,
    domain.TriggerLimitReached: 409,
    domain.PlayedTooOften: 429,
    domain.EnvironmentStateConflict: 409,
    domain.JobNotRunning: 403,
    domain.TraceOffsetMismatch: 416,
    domain.TraceTooLarge: 413,
    domain.ArtifactTooLarge: 413,
    domain.ArtifactInvalid: 400,
    FileTooLarge: 413,
}


class Refused(Exception):
    """A request that this door refuses by itself: no key, the wrong key, or a body that cannot be read."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def status_of(error: CiError) -> int:
    """The HTTP status that stands for a domain error."""
    return next(HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS)


def answer(error: Exception) -> HttpResponse:
    """The answer to a request that ended with this error; an unexpected one is logged and not shown."""
    if isinstance(error, Refused):
        return responses.message(error.status, error.message, error.headers)
    if isinstance(error, CiError):
        return responses.message(status_of(error), error.message)
    if isinstance(error, RequestDataTooBig):
        return responses.message(413, "The request body is too large.")
    if isinstance(error, SuspiciousOperation):
        return responses.message(400, "The request cannot be read.")
    log.error("request failed", exc_info=error)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    return responses.message(
        500,
        f"Something went wrong here. The server's log tells more under request {request_id or 'without id'}.",
    )
