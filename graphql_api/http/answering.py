"""Owns how a result becomes a response body, and which HTTP status it has in which media type."""

from __future__ import annotations

from typing import Any, Final

from graphql import GraphQLError
from strawberry.types import ExecutionResult

from graphql_api.http.media_types import RESPONSE

#: Status of a request error by its `extensions.code`, where the media type allows another than 200.
_STATUS: Final = {"unauthenticated": 401, "internal": 500}


def is_request_error(result: ExecutionResult) -> bool:
    """Whether nothing was executed: an error of a field has a path, one of the whole request has none."""
    return (
        result.data is None
        and bool(result.errors)
        and all(error.path is None for error in result.errors or ())
    )


def body_of(result: ExecutionResult) -> dict[str, Any]:
    """The response; without `data` if nothing was executed (https://spec.graphql.org/draft/#sec-Response-Format)."""
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [error.formatted for error in result.errors]
    if not is_request_error(result):
        body["data"] = result.data
    if result.extensions:
        body["extensions"] = result.extensions
    return body


def status_of(results: list[ExecutionResult], media_type: str) -> int:
    """The HTTP status. `application/json` has 200 for whatever is a GraphQL response; the newer type tells more.

    Of several operations in one request, one that was executed makes it 200.
    """
    if media_type != RESPONSE or any(not is_request_error(result) for result in results):
        return 200
    return max(_status(error) for result in results for error in result.errors or ())


def _status(error: GraphQLError) -> int:
    extensions = error.extensions or {}
    if extensions.get("limit") == "time":
        return 503
    return _STATUS.get(str(extensions.get("code")), 400)
