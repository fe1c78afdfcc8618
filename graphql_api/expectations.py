"""Owns what each request is expected to ask of the database: what it asked the last two times that it came.

Pages that show what is going on send the same request again and again. See `ci_core.expected`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from django.conf import settings

from ci_core.expected import Expected, expecting
from ci_core.statements import Statement
from graphql_api.http.refusal import Refused
from graphql_api.recent import Recent

#: Bytes, roughly, that the statements which a process remembers take all together.
REMEMBERED_BYTES: Final = 8 * 1024 * 1024
#: How often in a row a statement must have been asked: one that names rows of the moment seldom comes again.
OFTEN: Final = 2
_RECENT: Final[Recent[Mapping[Statement, int]]] = Recent(REMEMBERED_BYTES)


@contextmanager
def asking_again(key: Hashable, meanwhile: Callable[[], object]) -> Iterator[None]:
    """Until its end, a request asks at once for what it is expected to ask; what it has asked then is remembered.

    key: the same for requests with the same content and the same token. Those that are mistaken for each other ask in
    vain: each takes only what it would read itself. meanwhile: as `Expected` has it. Nothing is expected any more of a
    request that was refused.
    """
    before = (_RECENT.get(key) or {}) if settings.PIPEYARD_GRAPHQL_EXPECT else {}
    expected = Expected((statement for statement, times in before.items() if times >= OFTEN), meanwhile)
    with expecting(expected):
        try:
            yield
        except Refused:
            _RECENT.drop(key)
            raise
    now = {statement: min(before.get(statement, 0) + 1, OFTEN) for statement in expected.asked}
    if settings.PIPEYARD_GRAPHQL_EXPECT and now != before:
        _RECENT.put(key, now, _EACH + sum(map(_weight, now)))


#: Bytes of a request, and of a statement, whatever they ask.
_EACH: Final = 200


def _weight(statement: Statement) -> int:
    # The texts of prepared statements are constants.
    return _EACH + len(repr(statement.values)) + (len(statement.sql) if statement.planned else 0)
