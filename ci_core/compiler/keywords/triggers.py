"""Owns trigger: the jobs that start other pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.includes import parse_include
from ci_core.compiler.keywords.reading import (
    items,
    read_bool,
    read_choice,
    read_map,
    read_text,
    wrong,
)
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq
from ci_core.compiler.types import CompiledTrigger

_KEYS = ("project", "branch", "include", "strategy", "forward", "inputs")
# Keys that go with trigger:project only.
_PROJECT_KEYS = ("branch", "inputs")
_MOST_INCLUDES = 3
# What a job with trigger may have besides. Source: docs.gitlab.com/ci/yaml/#trigger
TRIGGER_KEYWORDS = frozenset({
    "allow_failure", "environment", "except", "extends", "inherit", "interruptible", "manual_confirmation",
    "needs", "only", "parallel", "resource_group", "rules", "stage", "trigger", "variables", "when",
})  # fmt: skip
TRIGGER_WHENS = ("on_success", "on_failure", "always", "manual")


def parse_trigger(session: Session, value: Any, at: At) -> CompiledTrigger | None:
    """A project, or a map with project or include.

    Source: docs.gitlab.com/ci/yaml/#trigger
    """
    if isinstance(value, str):
        project = read_text(session, value, at, "trigger", 1024)
        return None if project is None else CompiledTrigger(project=project)
    options = read_map(session, value, at, "trigger", _KEYS)
    if options is None:
        return None
    both = [key for key in ("project", "include") if options.get(key) is not None]
    if len(both) != 1:
        text = "trigger needs project or include, and not both."
        session.report.error(text, at)
        return None
    values: dict[str, Any] = {}
    for key in ("project", "branch"):
        if options.get(key) is not None:
            values[key] = read_text(session, options[key], options.at(key, at), f"trigger:{key}", 1024)
    for key in _PROJECT_KEYS:
        if options.get(key) is not None and "project" not in values:
            hint = " Write the inputs into the entry of include." if key == "inputs" else ""
            text = f"trigger:{key} goes with trigger:project only.{hint}"
            session.report.error(text, options.at_key(key, at))
    if options.get("strategy") is not None:
        place = options.at("strategy", at)
        values["strategy"] = read_choice(
            session, options["strategy"], place, "trigger:strategy", ("mirror", "depend")
        )
    if options.get("include") is not None:
        values["include"] = _includes(session, options["include"], options.at("include", at))
    values.update(_forward(session, options, at))
    if options.get("inputs") is not None:
        values["inputs"] = _inputs(session, options["inputs"], options.at("inputs", at))
    return CompiledTrigger(**values)


def _forward(session: Session, options: Map, at: At) -> dict[str, bool]:
    """Source: docs.gitlab.com/ci/yaml/#triggerforward"""
    if options.get("forward") is None:
        return {}
    place = options.at("forward", at)
    keys = ("yaml_variables", "pipeline_variables")
    forward = read_map(session, options["forward"], place, "trigger:forward", keys)
    found: dict[str, bool] = {}
    for key in keys:
        if forward is not None and forward.get(key) is not None:
            read = read_bool(session, forward[key], forward.at(key, place), f"trigger:forward:{key}")
            if read is not None:
                found[f"forward_{key}"] = read
    return found


def _inputs(session: Session, value: Any, at: At) -> dict[str, Any]:
    """Source: docs.gitlab.com/ci/yaml/#triggerinputs"""
    if not isinstance(value, Map):
        wrong(session, at, "trigger:inputs", "a map of names and values", value)
        return {}
    return dict(value)


def _includes(session: Session, value: Any, at: At) -> tuple[dict[str, Any], ...]:
    """Source: docs.gitlab.com/ci/yaml/#triggerinclude"""
    entries = list(items(session, value, at)) if isinstance(value, Seq) else [(value, at)]
    if not 1 <= len(entries) <= _MOST_INCLUDES:
        text = f"trigger:include must have 1 to {_MOST_INCLUDES} entries, not {len(entries)}."
        session.report.error(text, at)
        return ()
    found = [_include(session, item, place) for item, place in entries]
    return tuple(entry for entry in found if entry is not None)


def artifact_jobs(session: Session, trigger: Any, at: At) -> Iterator[tuple[str, At]]:
    """The jobs whose artifacts the `include` of a trigger names, and where.

    Source: docs.gitlab.com/ci/pipelines/downstream_pipelines/#dynamic-child-pipelines
    """
    value = trigger.get("include") if isinstance(trigger, Map) else None
    if value is None:
        return
    place = trigger.at("include", at)
    for item, where in items(session, value, place) if isinstance(value, Seq) else ((value, place),):
        if isinstance(item, Map) and item.get("artifact") is not None and isinstance(item.get("job"), str):
            yield item["job"], item.at("job", where)


def _include(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """One entry, as `include` would take it, or a file of an artifact.

    Its rules and its variables are those of the child pipeline, which reads it.
    Source: docs.gitlab.com/ci/yaml/#triggerinclude; GitLab, lib/gitlab/ci/config/entry/include.rb
    """
    if isinstance(value, Map) and value.get("artifact") is not None:
        return _artifact(session, value, at)
    before = session.report.error_count
    spec = parse_include(session, value, at, "trigger:include", ("artifact",))
    if spec is None or session.report.error_count > before:
        return None
    return dict(value) if isinstance(value, Map) else {spec.kind: value}


def _artifact(session: Session, options: Map, at: At) -> dict[str, Any] | None:
    """Source: docs.gitlab.com/ci/pipelines/downstream_pipelines/#dynamic-child-pipelines"""
    read_map(session, options, at, "trigger:include", ("artifact", "job", "inputs"))
    if options.get("job") is None:
        session.report.error("trigger:include:artifact needs job.", at)
        return None
    entry: dict[str, Any] = {}
    for key in ("artifact", "job"):
        entry[key] = read_text(session, options[key], options.at(key, at), f"trigger:include:{key}", 1024)
        if entry[key] is None:
            return None
    if options.get("inputs") is not None:
        entry["inputs"] = _inputs(session, options["inputs"], options.at("inputs", at))
    return entry
