"""Owns script, before_script, after_script and hooks."""

from __future__ import annotations

from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import items, read_map
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq, describe

_HOOKS = ("pre_get_sources_script",)


def parse_script(session: Session, value: Any, at: At) -> list[str] | None:
    """A script that must not be empty.

    Source: docs.gitlab.com/ci/yaml/#script
    """
    lines = _lines(session, value, at, "script")
    if isinstance(value, Seq) and value.broken:
        return lines
    if lines is not None and not any(line.strip() for line in lines):
        session.report.error("script must not be empty. Give the job at least one command.", at)
        return None
    return lines


def parse_before_script(session: Session, value: Any, at: At) -> list[str] | None:
    """Source: docs.gitlab.com/ci/yaml/#before_script"""
    return _lines(session, value, at, "before_script")


def parse_after_script(session: Session, value: Any, at: At) -> list[str] | None:
    """Source: docs.gitlab.com/ci/yaml/#after_script"""
    return _lines(session, value, at, "after_script")


def parse_hooks(session: Session, value: Any, at: At) -> list[dict[str, Any]] | None:
    """Source: docs.gitlab.com/ci/yaml/#hooks"""
    hooks = read_map(session, value, at, "hooks", _HOOKS)
    if hooks is None:
        return None
    found = []
    for name in _HOOKS:
        if hooks.get(name) is not None:
            lines = _lines(session, hooks[name], hooks.at(name, at), name)
            if lines:
                found.append({"name": name, "script": lines})
    return found


def _lines(session: Session, value: Any, at: At, keyword: str) -> list[str] | None:
    """A command or a list of commands; lists in lists are flattened, up to ten levels."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, Seq):
        session.report.error(f"{keyword} must be a command or a list of commands, not {describe(value)}.", at)
        return None
    if all([item.__class__ is str for item in value]):  # noqa: C419 - half the time, for what is nearly every script
        session.spend(len(value), at)
        return list(value)
    lines: list[str] = []
    good = True
    for item, place in items(session, value, at):
        if isinstance(item, str):
            lines.append(item)
            continue
        good = False
        session.report.error(_complaint(session, keyword, item), place)
    return lines if good else None


def _complaint(session: Session, keyword: str, item: Any) -> str:
    if isinstance(item, Map):
        key = next(iter(item), "")
        return (
            f"A command in {keyword} is read as a map, because of the colon after '{key[:40]}'. "
            "Put the whole command in single quotes."
        )
    if isinstance(item, Seq):
        limit = session.limits.script_depth
        return f"{keyword} is nested deeper than the limit of {limit} lists (script_depth)."
    return f"Each command in {keyword} must be a text, not {describe(item)}. Put it in quotes."
