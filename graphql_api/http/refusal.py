"""Owns the refusal of a whole HTTP request, before any operation of it is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphql_api.limits.exceeded import LimitExceeded


class Refused(Exception):
    """The request is answered with this status (not 2xx) and one error.

    code: `extensions.code` of the error. details: further entries of its `extensions`.
    """

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        *,
        headers: Mapping[str, str] | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body = {"errors": [{"message": message, "extensions": {"code": code, **(details or {})}}]}


def exceeding(status: int, error: LimitExceeded, headers: Mapping[str, str] | None = None) -> Refused:
    """The refusal of a request that goes beyond a limit of requests."""
    extensions = dict(error.extensions or {})
    return Refused(status, error.message, extensions.pop("code"), headers=headers, details=extensions)


def bad_request(message: str) -> Refused:
    """The refusal (400) of a request that is not well formed."""
    return Refused(400, message, "bad_request")
