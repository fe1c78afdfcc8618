"""Owns how errors reach clients: which are sentences for people, which hide what exists, and which are bugs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final

import structlog
from django.conf import settings
from graphql import GraphQLError
from psycopg.errors import QueryCanceled
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionResult, StreamExecutionResult

from ci_core import errors
from ci_core.errors import CiError
from ci_core.repositories.reading import FileTooLarge
from graphql_api.limits.exceeded import LimitExceeded

log = structlog.get_logger("pipeyard.graphql")

#: What GitLab says to whoever may not do something, whether or not the thing exists.
UNAVAILABLE_MESSAGE: Final = (
    "The resource that you are attempting to access does not exist or you don't have permission to perform "
    "this action"
)
INTERNAL_MESSAGE: Final = "Internal server error"
_SUGGESTION: Final = re.compile(r" Did you mean [^?]*\?")


class Unauthenticated(Exception):
    """The key that a request came with opens nothing: unknown, expired, revoked, or of the wrong kind."""


class Delivery(Enum):
    """How an error of the domain is told."""

    UNAVAILABLE = "an error of the response, in words that do not tell whether the thing exists"
    MESSAGE = "its message: in a mutation's `errors`, elsewhere as an error of the response"


#: Every error of the domain has its place here; a test walks the classes.
DELIVERY: Final[Mapping[type[CiError], Delivery]] = {
    CiError: Delivery.MESSAGE,
    errors.NotFound: Delivery.UNAVAILABLE,
    errors.Forbidden: Delivery.UNAVAILABLE,
    errors.InvalidInput: Delivery.MESSAGE,
    errors.TooManyTries: Delivery.MESSAGE,
    errors.RefNotFound: Delivery.MESSAGE,
    errors.RepositoryMissing: Delivery.MESSAGE,
    errors.ConfigMissing: Delivery.MESSAGE,
    errors.PipelineFiltered: Delivery.MESSAGE,
    errors.NotPlayable: Delivery.MESSAGE,
    errors.NotRetryable: Delivery.MESSAGE,
    errors.NotCancelable: Delivery.MESSAGE,
    errors.NotErasable: Delivery.MESSAGE,
    errors.DependencyMissing: Delivery.MESSAGE,
    errors.JobLimitReached: Delivery.MESSAGE,
    errors.ScheduleLimitReached: Delivery.MESSAGE,
    errors.TriggerLimitReached: Delivery.MESSAGE,
    errors.PlayedTooOften: Delivery.MESSAGE,
    errors.EnvironmentStateConflict: Delivery.MESSAGE,
    errors.JobNotRunning: Delivery.MESSAGE,
    errors.TraceOffsetMismatch: Delivery.MESSAGE,
    errors.TraceTooLarge: Delivery.MESSAGE,
    errors.ArtifactTooLarge: Delivery.MESSAGE,
    errors.ArtifactInvalid: Delivery.MESSAGE,
    FileTooLarge: Delivery.MESSAGE,
}


def delivery_of(error: CiError) -> Delivery:
    """How to tell this error: its class's entry, or the one of the nearest class above it."""
    return next(DELIVERY[kind] for kind in type(error).__mro__ if kind in DELIVERY)


def presented(error: GraphQLError, request_id: str) -> GraphQLError:
    """The error as clients may see it. What nobody foresaw is logged and masked."""
    original = error.original_error
    if original is None or isinstance(original, GraphQLError):
        return error if settings.PIPEYARD_GRAPHQL_SUGGESTIONS else _without_suggestion(error)
    if isinstance(original, CiError):
        unavailable = delivery_of(original) is Delivery.UNAVAILABLE
        extensions = {"code": original.code}
        if isinstance(original, errors.Forbidden):
            # Only told to those who may see the resource.
            extensions["reason"] = original.message
        return _like(error, UNAVAILABLE_MESSAGE if unavailable else original.message, extensions)
    if isinstance(original, Unauthenticated):
        return _like(error, str(original), {"code": "unauthenticated"})
    if isinstance(original.__cause__, QueryCanceled):
        allowed = round(settings.PIPEYARD_GRAPHQL_TIME_LIMIT_SECONDS * 1000)
        limit = LimitExceeded("time", allowed, allowed)
        return _like(error, limit.message, dict(limit.extensions or {}))
    log.error("unexpected error", request_id=request_id, path=error.path, exc_info=original)
    return _like(error, INTERNAL_MESSAGE, {"code": "internal", "requestId": request_id})


def _without_suggestion(error: GraphQLError) -> GraphQLError:
    """The error without the names of the schema that graphql-core proposes instead of an unknown one."""
    message = _SUGGESTION.sub("", error.message)
    return error if message == error.message else _like(error, message, dict(error.extensions or {}))


def _like(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(
        message,
        nodes=error.nodes,
        source=error.source,
        positions=error.positions,
        path=error.path,
        extensions=extensions,
    )


def _place(error: GraphQLError) -> tuple[Any, ...]:
    """What orders errors: where they are in the document, then where in the response."""
    locations = [(place.line, place.column) for place in error.locations or ()]
    return locations, [(isinstance(key, str), key) for key in error.path or ()]


def in_order(found: Iterable[GraphQLError], request_id: str) -> list[GraphQLError]:
    """The errors of a result as clients may see them, in the order of the document: not as they happened."""
    return sorted((presented(error, request_id) for error in found), key=_place)


class PresentErrors(SchemaExtension):
    """Presents the errors of each result before it leaves."""

    _streamed = False

    def on_operation(self) -> Iterator[None]:
        """Presents the errors of a result that is given back whole."""
        yield
        if not self._streamed:
            self._present(self.execution_context.result)

    def on_stream_result(self, result: StreamExecutionResult) -> Iterator[None]:
        """Presents the errors of one result of a stream."""
        self._streamed = True
        self._present(result)
        yield

    def _present(self, result: Any) -> None:
        if isinstance(result, ExecutionResult) or hasattr(result, "errors"):
            request_id = self.execution_context.context.request_id
            if result.errors:
                result.errors = in_order(result.errors, request_id)
