"""Owns the split of the top level: which entries are keywords, and which are jobs."""

from __future__ import annotations

from ci_core.compiler.diagnostics import At
from ci_core.compiler.tree import Map

GLOBAL_DEFAULTS = ("image", "services", "cache", "before_script", "after_script")
GLOBALS = frozenset({"default", "include", "spec", "stages", "variables", "workflow", *GLOBAL_DEFAULTS})


def entry_at(root: Map, name: str, at: At) -> At:
    """The place of an entry's key; jobs are shown as `jobs:name`."""
    mark = root.marks[name][0]
    return At(at if name in GLOBALS else At(at, "jobs", at.mark), name, mark)
