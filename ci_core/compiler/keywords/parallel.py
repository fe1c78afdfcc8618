"""Owns parallel: how many copies of a job run, or with which values of a matrix."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import items, read_int, read_map, wrong
from ci_core.compiler.scalars import scalar_text
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq
from ci_core.compiler.variables import CompiledVariable

_NAME = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
Combination: TypeAlias = "tuple[CompiledVariable, ...]"


@dataclass(frozen=True, slots=True)
class Matrix:
    """The combinations of values, one for each copy of a job."""

    combinations: tuple[Combination, ...]


def matrix_name(name: str, values: Sequence[CompiledVariable]) -> str:
    """The name of a copy, such as `deploy: [aws, app1]`.

    Source: docs.gitlab.com/ci/yaml/#parallelmatrix
    """
    return f"{name}: [{', '.join(item.value for item in values)}]"


def parse_parallel(session: Session, value: Any, at: At) -> int | Matrix | None:
    """A number of copies, or a matrix.

    Source: docs.gitlab.com/ci/yaml/#parallel
    """
    if isinstance(value, Map):
        options = read_map(session, value, at, "parallel", ("matrix",))
        if options is None or options.get("matrix") is None:
            session.report.error("parallel must be a number or a map with matrix.", at)
            return None
        found = parse_matrix(session, options["matrix"], options.at("matrix", at), "parallel:matrix")
        return None if found is None else Matrix(found)
    limit = session.limits.parallel
    if isinstance(value, int) and not isinstance(value, bool) and value > limit:
        _too_many(session, at, value)
        return None
    return read_int(session, value, at, "parallel", 1, limit)


def _too_many(session: Session, at: At, count: int) -> None:
    limit = session.limits.parallel
    text = f"parallel asks for {count} jobs, more than the limit of {limit} (parallel)."
    session.report.error(text, at, "limit")


def parse_matrix(session: Session, value: Any, at: At, keyword: str) -> tuple[Combination, ...] | None:
    """All combinations of a matrix: within an entry each value with each, in the order of the file.

    Source: docs.gitlab.com/ci/yaml/#parallelmatrix
    """
    if not isinstance(value, Seq):
        wrong(session, at, keyword, "a list of maps of names and values", value)
        return None
    entries = [_entry(session, item, place, keyword) for item, place in items(session, value, at)]
    if not entries:
        session.report.error(f"{keyword} must not be an empty list.", at)
        return None
    good = [entry for entry in entries if entry is not None]
    if len(good) < len(entries):
        return None
    count = sum(math.prod(len(axis) for axis in entry) for entry in good)
    if count > session.limits.parallel:
        _too_many(session, at, count)
        return None
    session.spend(count, at)
    return tuple(itertools.chain.from_iterable(itertools.product(*entry) for entry in good))


def _entry(session: Session, value: Any, at: At, keyword: str) -> list[list[CompiledVariable]] | None:
    """The axes of one entry."""
    if not isinstance(value, Map) or not value:
        wrong(session, at, f"Each entry of {keyword}", "a map of names and values", value)
        return None
    axes: list[list[CompiledVariable]] = []
    for name, listed in value.items():
        place = value.at(name, at)
        if not _NAME.fullmatch(name):
            text = f"'{name[:60]}' cannot be the name of a variable: only letters, digits and _ are allowed."
            session.report.error(text, value.at_key(name, at))
            return None
        values = [item for item, _ in items(session, listed, place)] if isinstance(listed, Seq) else [listed]
        if not values or any(item is None or isinstance(item, Map | Seq) for item in values):
            wrong(session, place, f"{keyword}: {name}", "a text or a list of texts", listed)
            return None
        odd = next((item for item in values if isinstance(item, bool | float)), None)
        if odd is not None:
            wrong(session, place, f"{keyword}: {name}", "texts or whole numbers (put others in quotes)", odd)
            return None
        axes.append([CompiledVariable(name, scalar_text(item)) for item in values])
    return axes
