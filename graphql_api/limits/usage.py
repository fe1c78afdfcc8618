"""Owns what one operation has used of its limits, and how the response reports it."""

from __future__ import annotations

from typing import Final

from django.conf import settings

from ci_core.access import Principal
from graphql_api.limits.exceeded import LimitExceeded
from graphql_api.limits.rate import Rate, count_operation
from graphql_api.limits.time import Deadline

#: The setting that holds each limit of documents.
SETTINGS: Final = {
    "tokens": "PIPEYARD_GRAPHQL_TOKEN_LIMIT",
    "depth": "PIPEYARD_GRAPHQL_DEPTH_LIMIT",
    "aliases": "PIPEYARD_GRAPHQL_ALIAS_LIMIT",
    "directives": "PIPEYARD_GRAPHQL_DIRECTIVE_LIMIT",
}

#: The highest number that is told: more is not exact in JavaScript.
MOST: Final = 2**53 - 1


def limit_of(limit: str) -> int:
    """The value of one of these limits."""
    value: int = getattr(settings, SETTINGS[limit])
    return value


def complexity_limit(principal: Principal) -> int:
    """The highest complexity that the caller may ask for, in points."""
    known = principal.user is not None
    limit: int = (
        settings.PIPEYARD_GRAPHQL_COMPLEXITY_LIMIT
        if known
        else settings.PIPEYARD_GRAPHQL_ANONYMOUS_COMPLEXITY_LIMIT
    )
    return limit


class Usage:
    """What one operation uses."""

    def __init__(self) -> None:
        self._used: dict[str, tuple[int, int]] = {}
        self.deadline = Deadline()

    def take(self, limit: str, used: int, value: int) -> None:
        """Notes what is used of a limit. Raises LimitExceeded."""
        used = min(used, MOST)
        self._used[limit] = (used, value)
        if used > value:
            raise LimitExceeded(limit, value, used)

    def count(self, principal: Principal, address: str) -> Rate:
        """Counts the operation for its caller, and notes what they used. Does not refuse: doors differ in how."""
        rate = count_operation(principal, address)
        if rate.limit:
            self._used["rate"] = (rate.used, rate.limit)
        return rate

    def used(self, limit: str) -> int:
        """What was used of a limit; 0 before that is known."""
        return self._used.get(limit, (0, 0))[0]

    def report(self) -> dict[str, tuple[int, int]]:
        """For `extensions.limits`: what was used, and what is allowed, by the name of the limit; times in ms."""
        return {**self._used, "time": (self.deadline.elapsed, self.deadline.allowed)}
