"""Owns what a request is expected to ask of the database, and what has been read of it before anybody asked.

A statement that waits for the rows of another costs a way to PostgreSQL and back, which takes longer than to answer
it. A request that was seen before is likely to ask what it asked then. Those statements are sent at once, in one
message with its first; whoever asks for one of them finds its rows here. Only statements are kept from one request to
the next, never rows: all rows are read for the request that is given them. Statements that nobody asks for this time
cost their execution, and are not expected next time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from ci_core.statements import Fetched, Statement

#: Values of a statement that is remembered: lists of ids are seldom the same twice when they are long.
MOST_VALUES: Final = 500
#: Statements that are remembered of one request.
MOST_STATEMENTS: Final = 40


class Expected:
    """The statements that one request is expected to ask; one object for each time that it comes.

    meanwhile: what can be done while the first rows are awaited, without the database; it may be left undone.
    asked: what has been asked so far. Only for requests that change nothing.
    """

    def __init__(
        self, statements: Iterable[Statement] = (), meanwhile: Callable[[], object] | None = None
    ) -> None:
        self._unsent = list(statements)
        self._meanwhile = meanwhile
        self._found: dict[Statement, Fetched] = {}
        self.asked: dict[Statement, None] = {}

    def begins(self) -> bool:
        """Whether nothing has been asked yet, and something is to be sent or done."""
        return bool(self._unsent or self._meanwhile) and not self.asked

    def first_message(self, asked: Sequence[Statement]) -> list[Statement]:
        """What to send when these are asked for first."""
        message, self._unsent = [*dict.fromkeys((*asked, *self._unsent))], []
        return message

    def wait(self) -> None:
        """Does what can be done meanwhile, once."""
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            meanwhile()

    def have(self, statements: Iterable[Statement], fetched: Iterable[Fetched]) -> None:
        """Keeps what was read."""
        self._found.update(zip(statements, fetched, strict=True))

    def take(self, statement: Statement) -> Fetched | None:
        """What was read for a statement that is asked now; None if it has to be read."""
        if len(self.asked) < MOST_STATEMENTS and _is_short(statement):
            self.asked[statement] = None
        return self._found.get(statement)


def _is_short(statement: Statement) -> bool:
    values = (len(value) for value in statement.values if isinstance(value, tuple))
    return sum(values) <= MOST_VALUES


_CURRENT: ContextVar[Expected | None] = ContextVar("expected", default=None)


@contextmanager
def expecting(expected: Expected) -> Iterator[None]:
    """Until its end, statements are looked for in what is expected first (`ci_core.prepared`)."""
    token = _CURRENT.set(expected)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> Expected | None:
    """What is expected of the request that runs here."""
    return _CURRENT.get()
