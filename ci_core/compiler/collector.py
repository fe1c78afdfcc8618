"""Owns a pause of Python's cycle collector while a compilation makes many objects that all stay."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: New objects after which there is a collection even though pauses overlap without end.
MOST_UNCOLLECTED: Final = 5_000_000

_lock = threading.Lock()
_state = {"depth": 0, "resume": False}


@contextmanager
def collector_paused() -> Iterator[None]:
    """Lets no collection run until the last of those that asked for the pause is done.

    A compilation drops hardly any object before its end, but its many new ones make the collector walk over
    everything that the process holds, again and again: with Django loaded that doubled the time. Whoever uses what
    came of a compilation and then drops it does well to ask for the pause until then.
    """
    with _lock:
        if _state["depth"] == 0:
            _state["resume"] = gc.isenabled()
            gc.disable()
        _state["depth"] += 1
    try:
        yield
    finally:
        with _lock:
            _state["depth"] -= 1
            if _state["depth"] == 0 and _state["resume"]:
                gc.enable()
            elif gc.get_count()[0] > MOST_UNCOLLECTED:
                gc.collect(0)
