"""Owns the refusal of an operation that goes beyond a limit: which one, its value, and what was reached."""

from __future__ import annotations

from typing import Any, Final

from graphql import GraphQLError

CODE: Final = "limit_exceeded"

#: What each limit is about, and what to do about it.
_SENTENCES: Final = {
    "body": ("The request body has {reached} bytes", "send less in one request"),
    "batch": ("The request holds {reached} operations", "send fewer in one request"),
    "document": (
        "The document has {reached} bytes",
        "hand values over as variables, and ask for less at once",
    ),
    "tokens": ("The document has {reached} tokens or more", "ask for less in one document"),
    "depth": ("The operation nests fields {reached} levels deep", "ask for what lies deeper by its id"),
    "aliases": (
        "The operation has {reached} aliases",
        "ask for several objects by a list, or in several requests",
    ),
    "directives": ("The operation has {reached} directives", "leave out those that change nothing"),
    "complexity": (
        "The operation has a complexity of {reached}",
        "ask for smaller pages, or for less below them",
    ),
    "time": ("The operation took longer than {reached} ms", "ask for smaller pages, or for less below them"),
    "rate": ("You sent {reached} requests within a minute", "wait as the header Retry-After says"),
}


class LimitExceeded(GraphQLError):
    """An operation beyond a limit. `limit` is its name in `extensions`, `value` what is allowed."""

    def __init__(self, limit: str, value: int, reached: int) -> None:
        fact, advice = _SENTENCES[limit]
        super().__init__(
            f"{fact.format(reached=reached)}; the limit is {value}: {advice}.",
            extensions=details(limit, value, reached),
        )


def details(limit: str, value: int, reached: int) -> dict[str, Any]:
    """The `extensions` of a refusal."""
    return {"code": CODE, "limit": limit, "value": value, "reached": reached}
