"""How a sweep goes through what it has found: one by one, and what fails does not keep the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import structlog

from ci_core.errors import CiError

log = structlog.get_logger("pipeyard.sweeps")

T = TypeVar("T")


def one_by_one(found: Iterable[T], do: Callable[[T], object]) -> list[T]:
    """Does something to each, and returns those to which it was done: for which the answer is true.

    A refusal leaves one alone. So does an error of the server, which would otherwise stop the sweep at the same one
    every time, and all that comes after it would never be looked at.
    """
    done = []
    for each in found:
        try:
            if do(each):
                done.append(each)
        except CiError as error:
            log.info(
                "left alone", sweep=getattr(do, "__qualname__", ""), found=repr(each), because=error.message
            )
        except Exception:
            log.exception("sweep failed", sweep=getattr(do, "__qualname__", ""), found=repr(each))
    return done
