"""Owns a cache that keeps what was used last, up to a weight of all of it together."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key, used by threads and event loops alike. most: the weight that is kept, in the caller's unit.

    What alone is heavier than that is not kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._weight = 0
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> V | None:
        """The value of a key; None if it is not kept."""
        with self._lock:
            found = self._entries.get(key)
            if found is None:
                return None
            self._entries.move_to_end(key)
            return found[0]

    def drop(self, key: Hashable) -> None:
        """Keeps the value of a key no longer, if it was kept."""
        with self._lock:
            _, weight = self._entries.pop(key, (None, 0))
            self._weight -= weight

    def put(self, key: Hashable, value: V, weight: int) -> None:
        """Keeps a value, and drops those that were not used for the longest time."""
        with self._lock:
            _, before = self._entries.pop(key, (None, 0))
            self._entries[key] = value, weight
            self._weight += weight - before
            while self._weight > self._most:
                _, (_, dropped) = self._entries.popitem(last=False)
                self._weight -= dropped
