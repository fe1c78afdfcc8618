"""Owns what each request is expected to ask of the database: what it asked the last two times that it came.

Pages that show what is going on send the same request again and again. See `ci_core.expected`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Final

from django.conf import settings

from ci_core.expected import Expected
from ci_core.statements import Statement
from graphql_api.recent import Recent

#: Bytes, roughly, that the statements which a process remembers take all together.
REMEMBERED_BYTES: Final = 8 * 1024 * 1024
#: How often in a row a statement must have been asked: one that names rows of the moment seldom comes again.
OFTEN: Final = 2
_RECENT: Final[Recent[Mapping[Statement, int]]] = Recent(REMEMBERED_BYTES)


def expectation(key: Hashable, meanwhile: Callable[[], object]) -> Expected:
    """What a request will ask. key: the same for requests with the same content and the same token.

    Requests that are mistaken for each other ask in vain: each takes only what it would read itself.
    """
    known = (_RECENT.get(key) or {}) if settings.PIPEYARD_GRAPHQL_EXPECT else {}
    return Expected((statement for statement, times in known.items() if times >= OFTEN), meanwhile)


def learn(key: Hashable, expected: Expected) -> None:
    """Remembers what a request has asked."""
    if not settings.PIPEYARD_GRAPHQL_EXPECT:
        return
    before = _RECENT.get(key) or {}
    now = {statement: min(before.get(statement, 0) + 1, OFTEN) for statement in expected.asked}
    if now != before:
        _RECENT.put(key, now, _EACH + sum(map(_weight, now)))


def forget(key: Hashable) -> None:
    """Expects nothing of a request that was refused."""
    _RECENT.drop(key)


#: Bytes of a request, and of a statement, whatever they ask.
_EACH: Final = 200


def _weight(statement: Statement) -> int:
    # The texts of prepared statements are constants.
    return _EACH + len(repr(statement.values)) + (len(statement.sql) if statement.planned else 0)
