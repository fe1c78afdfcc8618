"""Owns environment and resource_group."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.keywords.reading import read_choice, read_map, read_text, wrong
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map

_KEYS = ("name", "url", "action", "on_stop", "auto_stop_in", "deployment_tier", "kubernetes")
_ACTIONS = ("start", "prepare", "stop", "verify", "access")
TIERS = ("production", "staging", "testing", "development", "other")
_DASHBOARD = ("namespace", "flux_resource_path")
_KUBERNETES = ("agent", "dashboard", "managed_resources", *_DASHBOARD)
_NAME = re.compile(r"[A-Za-z0-9_/${}. -]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """`environment` as written."""

    name: str
    at: At
    url: str | None = None
    action: str = "start"
    on_stop: str | None = None
    auto_stop_in: str | None = None
    deployment_tier: str | None = None
    kubernetes: dict[str, Any] | None = None


def parse_environment(session: Session, value: Any, at: At) -> EnvironmentSpec | None:
    """An environment, by name or as a map.

    Source: docs.gitlab.com/ci/yaml/#environment
    """
    if isinstance(value, str):
        name = _name(session, value, at)
        return None if name is None else EnvironmentSpec(name, at)
    options = read_map(session, value, at, "environment", _KEYS)
    if options is None:
        return None
    if options.get("name") is None:
        session.report.error("environment has no name. Write name: and the environment.", at)
        return None
    texts: dict[str, str | None] = {}
    limit = session.limits.name_length
    for key in ("url", "on_stop"):
        if options.get(key) is not None:
            texts[key] = read_text(session, options[key], options.at(key, at), f"environment:{key}", limit)
    for key, choices in (("action", _ACTIONS), ("deployment_tier", TIERS)):
        value = options.get(key)
        if key == "deployment_tier" and isinstance(value, str) and "$" in value:
            texts[key] = value
        elif value is not None:
            texts[key] = read_choice(session, value, options.at(key, at), f"environment:{key}", choices)
    if options.get("auto_stop_in") is not None:
        texts["auto_stop_in"] = _auto_stop(session, options["auto_stop_in"], options.at("auto_stop_in", at))
    name = _name(session, options["name"], options.at("name", at))
    if name is None:
        return None
    return EnvironmentSpec(
        name,
        at,
        texts.get("url"),
        texts.get("action") or "start",
        texts.get("on_stop"),
        texts.get("auto_stop_in"),
        texts.get("deployment_tier"),
        _kubernetes(session, options, at),
    )


def _kubernetes(session: Session, options: Map, at: At) -> dict[str, Any] | None:
    """The cluster that a dashboard shows; nothing here acts on it.

    Source: docs.gitlab.com/ci/yaml/#environmentkubernetes
    """
    if options.get("kubernetes") is None:
        return None
    place = options.at("kubernetes", at)
    found = read_map(session, options["kubernetes"], place, "environment:kubernetes", _KUBERNETES)
    if found is None:
        return None
    if found.get("agent") is not None:
        read_text(session, found["agent"], found.at("agent", place), "environment:kubernetes:agent", 1024)
    for key, known in (("dashboard", _DASHBOARD), ("managed_resources", ("enabled",))):
        if found.get(key) is not None:
            read_map(session, found[key], found.at(key, place), f"environment:kubernetes:{key}", known)
    return {key: value for key, value in found.items() if value is not None}


def _name(session: Session, value: Any, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#environmentname"""
    name = read_text(session, value, at, "environment:name", session.limits.name_length)
    if name is None:
        return None
    if not _NAME.fullmatch(name) or name.startswith("/") or name.endswith("/"):
        session.report.error(
            f"environment:name '{name}' may hold letters, digits, spaces and - _ / . $ {{ }}, "
            "and must not begin or end with a slash.",
            at,
        )
        return None
    return name


def _auto_stop(session: Session, value: Any, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#environmentauto_stop_in"""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and ("$" in text or text == "never" or parse_duration(text) is not None):
        return text
    wrong(session, at, "environment:auto_stop_in", "a duration such as '1 day', or 'never'", value)
    return None


def parse_resource_group(session: Session, value: Any, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#resource_group"""
    return read_text(session, value, at, "resource_group", session.limits.name_length)
