"""Owns the functions that make response objects of columns: written and compiled once for each list of keys."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from graphql_api.execution.shapes import Write

#: Functions that are kept.
KEPT: Final = 2048


@lru_cache(KEPT)
def writer(keys: Sequence[str], constants: Sequence[tuple[int, str]] = ()) -> Write:
    """A function that makes a list of dictionaries with these keys of as many columns.

    constants: what stands at some places for all objects, by place among all keys; those have no column.
    A display with constant keys takes a third of the time of `dict(zip(keys, values))`. The keys are names of GraphQL
    (letters, digits, underscores), and only their `repr` gets into the source.
    """
    fixed = dict(constants)
    names = [f"v{place}" for place in range(len(keys)) if place not in fixed]
    items = ", ".join(
        f"{key!r}: {fixed[place]!r}" if place in fixed else f"{key!r}: v{place}"
        for place, key in enumerate(keys)
    )
    each = f"for {', '.join(names)}, in zip(*columns)" if names else "for _ in range(count)"
    space: dict[str, Any] = {}
    exec(f"def write(columns, count): return [{{{items}}} {each}]", space)  # noqa: S102 - see above
    written: Write = space["write"]
    return written
