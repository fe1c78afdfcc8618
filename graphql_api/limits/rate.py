"""Owns how many operations a caller may send within a minute.

Each web process counts for itself, in memory: a count that all processes share would cost a write for each request. So
with n processes a caller may reach n times the limit. It is there to stop a client that runs away, not to bill anybody.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from math import ceil
from threading import Lock
from time import monotonic
from typing import Final

from django.conf import settings

from ci_core.access import Principal

WINDOW_SECONDS: Final = 60
#: Callers that are counted; of more, those that were quiet longest are forgotten.
CALLERS: Final = 10_000


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
    """Counts by caller; a caller's minute begins with the first operation after the last one ended."""

    def __init__(self) -> None:
        self._minutes: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._lock = Lock()

    def count(self, caller: str, limit: int, now: float) -> Rate:
        """Counts one operation. now: seconds of any clock that does not go back."""
        with self._lock:
            began, used = self._minutes.pop(caller, (now, 0))
            if now - began >= WINDOW_SECONDS:
                began, used = now, 0
            self._minutes[caller] = (began, used + 1)
            while len(self._minutes) > CALLERS:
                self._minutes.popitem(last=False)
        return Rate(used + 1, limit, max(1, ceil(began + WINDOW_SECONDS - now)))


_COUNTER: Final = Counter()


def count_operation(principal: Principal, address: str) -> Rate:
    """Counts an operation of a user, or of an address where nobody is signed in."""
    if principal.user is not None:
        caller, limit = f"user:{principal.user.pk}", settings.PIPEYARD_GRAPHQL_RATE_LIMIT
    else:
        caller, limit = f"address:{address}", settings.PIPEYARD_GRAPHQL_ANONYMOUS_RATE_LIMIT
    return _COUNTER.count(caller, limit, monotonic())
