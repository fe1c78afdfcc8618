"""Holds what is done within to a number of calls: work is the same on every machine, and time is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def at_most(calls: int) -> Iterator[None]:
    """Fails as soon as more functions, Python's own included, are called within."""
    done = 0

    def count(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal done
        if event in ("call", "c_call"):
            done += 1
            if done > calls:
                sys.setprofile(None)
                raise AssertionError(f"more than {calls} calls")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)
