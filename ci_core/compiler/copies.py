"""Owns the copies of jobs with `parallel`: each is a job of its own from here on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ci_core.compiler.jobs import JobDraft
from ci_core.compiler.keywords.parallel import Matrix, matrix_name
from ci_core.compiler.session import Session

Copies: TypeAlias = Mapping[str, Sequence[str]]
_WORK = 5


def expand_copies(
    session: Session, drafts: Sequence[JobDraft]
) -> tuple[list[JobDraft], dict[str, list[str]]]:
    """All jobs with their copies in place of them, and the names of the copies of each.

    `copies` bounds them before any rule leaves some out.
    Source: docs.gitlab.com/ci/yaml/#parallel
    """
    total = sum(_count(draft.values.get("parallel")) for draft in drafts)
    limit = session.limits.copies
    if total > limit:
        text = f"With parallel the configuration has {total} jobs, more than the limit of {limit} (copies)."
        session.report.error(text, session.origin, "limit")
        return [], {}
    expanded: list[JobDraft] = []
    copies: dict[str, list[str]] = {}
    for draft in drafts:
        parallel = draft.values.get("parallel")
        if parallel is None:
            expanded.append(draft)
            continue
        made = (
            _matrix(session, draft, parallel) if isinstance(parallel, Matrix) else _numbered(draft, parallel)
        )
        session.spend(_WORK * len(made), draft.at)
        copies[draft.name] = list(made)
        expanded += made.values()
    return expanded, copies


def _count(parallel: int | Matrix | None) -> int:
    return len(parallel.combinations) if isinstance(parallel, Matrix) else parallel or 1


def _numbered(draft: JobDraft, total: int) -> dict[str, JobDraft]:
    names = [f"{draft.name} {index}/{total}" for index in range(1, total + 1)]
    return {name: draft.copy(name, index, total) for index, name in enumerate(names, start=1)}


def _matrix(session: Session, draft: JobDraft, matrix: Matrix) -> dict[str, JobDraft]:
    """Copies are named by their values, so that of two with equal values the later one is left."""
    named = {matrix_name(draft.name, values): values for values in matrix.combinations}
    place = draft.body.at("parallel", draft.at) if "parallel" in draft.body else draft.at
    if len(named) < len(matrix.combinations):
        text = (
            "Two entries of the matrix have the same values, so they would be one job; the later one is kept."
        )
        session.report.warning(text, place)
    limit = session.limits.name_length
    longest = max(named, key=len)
    if len(longest) > limit:
        size = f"has {len(longest)} characters, more than the limit of {limit} (name_length)"
        text = f"The name '{longest[:60]}...' {size}."
        session.report.error(text, place, "limit")
        named = {name: values for name, values in named.items() if len(name) <= limit}
    return {
        name: draft.copy(name, index, len(named), values)
        for index, (name, values) in enumerate(named.items(), start=1)
    }
