"""Owns environment and resource_group."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.keywords.reading import read_bool, read_choice, read_map, read_text, wrong
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
    if found is None or not _complete(session, found, place):
        return None
    return {key: value for key, value in found.items() if value is not None}


def _complete(session: Session, found: Map, at: At) -> bool:
    """Whether everything is there that what is there needs.

    `namespace` and `flux_resource_path` outside of `dashboard` are the older way to write them.
    Source: docs.gitlab.com/ci/yaml/#environmentkubernetes; GitLab, lib/gitlab/ci/config/entry/kubernetes.rb
    """
    report, before = session.report, session.report.error_count
    name = "environment:kubernetes"
    dashboard = managed = None
    for key in ("agent", *_DASHBOARD):
        if found.get(key) is not None:
            read_text(session, found[key], found.at(key, at), f"{name}:{key}", 1024)
    if found.get("dashboard") is not None:
        dashboard = read_map(
            session, found["dashboard"], found.at("dashboard", at), f"{name}:dashboard", _DASHBOARD
        )
        _check_dashboard(session, found, dashboard, at)
    if found.get("managed_resources") is not None:
        managed = _managed(session, found["managed_resources"], found.at("managed_resources", at))
    if found.get("flux_resource_path") is not None and found.get("namespace") is None:
        report.error(f"{name}:flux_resource_path needs namespace.", found.at_key("flux_resource_path", at))
    if found.get("agent") is None and (dashboard or managed or found.get("flux_resource_path") is not None):
        report.error(f"{name} needs agent. Write agent: path/to/project:name.", at)
    if not found:
        report.error(f"{name} must not be empty. Write agent: path/to/project:name.", at)
    return report.error_count == before


def _check_dashboard(session: Session, found: Map, dashboard: Map | None, at: At) -> None:
    """Source: GitLab, lib/gitlab/ci/config/entry/schemas/kubernetes/dashboard.json"""
    name = "environment:kubernetes"
    if dashboard is None:
        return
    place = found.at("dashboard", at)
    if dashboard.get("namespace") is None:
        session.report.error(f"{name}:dashboard needs namespace.", place)
    for key, limit in zip(_DASHBOARD, (63, 255), strict=True):
        if dashboard.get(key) is None:
            continue
        read_text(session, dashboard[key], dashboard.at(key, place), f"{name}:dashboard:{key}", limit)
        if found.get(key) is not None:
            text = f"{name}:{key} and {name}:dashboard:{key} exclude each other. Keep the one in dashboard."
            session.report.error(text, found.at_key(key, at))


def _managed(session: Session, value: Any, at: At) -> bool:
    """Whether the cluster's resources are managed."""
    name = "environment:kubernetes:managed_resources"
    options = read_map(session, value, at, name, ("enabled",))
    if options is None or options.get("enabled") is None:
        return False
    return read_bool(session, options["enabled"], options.at("enabled", at), f"{name}:enabled") is True


def _name(session: Session, value: Any, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#environmentname"""
    return _named(session, value, at, "environment:name")


def _named(session: Session, value: Any, at: At, keyword: str) -> str | None:
    name = read_text(session, value, at, keyword, session.limits.name_length)
    if name is None:
        return None
    if not _NAME.fullmatch(name) or name.startswith("/") or name.endswith("/"):
        session.report.error(
            f"{keyword} '{name}' may hold letters, digits, spaces and - _ / . $ {{ }}, "
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
    return _named(session, value, at, "resource_group")
