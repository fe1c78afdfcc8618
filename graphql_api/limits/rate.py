"""Owns how many operations a caller may send within a minute.

The count is kept in memory that the web processes of one node share: they are forked after it was made. A count that
all nodes share would cost a write to the database for each request, so with n nodes a caller may reach n times the
limit. It is there to stop a client that runs away, not to bill anybody.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from hashlib import blake2b
from math import ceil
from struct import Struct
from threading import Lock
from time import monotonic
from typing import Final

from django.conf import settings

from ci_core.access import Principal

WINDOW_SECONDS: Final = 60
#: Callers that are counted; of more, those whose minute began first are forgotten.
CALLERS: Final = 16_384
#: Places of which a caller has one.
WAYS: Final = 8
#: A place: the caller's digest, when their minute began, and operations since.
_PLACE: Final = Struct("=QdQ")


@dataclass(frozen=True, slots=True)
class Rate:
    """used: operations of the caller in this minute, with this one; limit: 0 for none; wait: seconds to its end."""

    used: int
    limit: int
    wait: int

    @property
    def exceeded(self) -> bool:
        """Whether the caller has to wait."""
        return 0 < self.limit < self.used


class Counter:
    """Counts by caller; a caller's minute begins with the first operation after the last one ended.

    Processes do not lock each other out: a lock would stay closed when its holder is killed. If two count the same
    caller within the same microsecond, one operation is not counted.
    """

    def __init__(self, callers: int = CALLERS) -> None:
        self._rows = callers // WAYS
        self._memory = mmap.mmap(-1, self._rows * WAYS * _PLACE.size)
        self._lock = Lock()

    def count(self, caller: str, limit: int, now: float) -> Rate:
        """Counts one operation. now: seconds of a clock that does not go back and that the processes share."""
        digest = int.from_bytes(blake2b(caller.encode(), digest_size=8).digest(), "little")
        with self._lock:
            place, began, used = self._find(digest)
            if now - began >= WINDOW_SECONDS or not used:
                began, used = now, 0
            _PLACE.pack_into(self._memory, place, digest, began, used + 1)
        return Rate(used + 1, limit, max(1, ceil(began + WINDOW_SECONDS - now)))

    def _find(self, digest: int) -> tuple[int, float, int]:
        """Where a caller is counted, when their minute began and what they used; 0 where somebody else was counted."""
        row = WAYS * _PLACE.size
        first = digest % self._rows * row
        places = list(_PLACE.iter_unpack(self._memory[first : first + row]))
        for way, (counted, began, used) in enumerate(places):
            if counted == digest:
                return first + way * _PLACE.size, began, used
        oldest = min(range(WAYS), key=lambda way: places[way][1])
        return first + oldest * _PLACE.size, 0.0, 0


_COUNTER: Final = Counter()


def count_operation(principal: Principal, address: str) -> Rate:
    """Counts an operation of a user, or of an address where nobody is signed in."""
    if principal.user is not None:
        caller, limit = f"user:{principal.user.pk}", settings.PIPEYARD_GRAPHQL_RATE_LIMIT
    else:
        caller, limit = f"address:{address}", settings.PIPEYARD_GRAPHQL_ANONYMOUS_RATE_LIMIT
    return _COUNTER.count(caller, limit, monotonic())
