"""Owns artifacts and their reports."""

from __future__ import annotations

import re
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.keywords.reading import (
    read_bool,
    read_choice,
    read_map,
    read_text,
    read_texts,
    wrong,
)
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map

WHENS = ("on_success", "on_failure", "always")
_EXPOSED_NAME = re.compile(r"\w[-\w ]*", re.ASCII)
_ACCESS = ("all", "developer", "maintainer", "none")
_KEYS = (
    "name",
    "paths",
    "exclude",
    "untracked",
    "when",
    "expire_in",
    "expose_as",
    "access",
    "public",
    "reports",
)
# Report type -> (file format on the wire, file name). Source: docs.gitlab.com/ci/yaml/artifacts_reports/
_REPORTS: dict[str, tuple[str, str]] = {
    "accessibility": ("raw", "gl-accessibility.json"),
    "annotations": ("gzip", "gl-annotations.json"),
    "api_fuzzing": ("raw", "gl-api-fuzzing-report.json"),
    "browser_performance": ("raw", "browser-performance.json"),
    "cluster_image_scanning": ("raw", "gl-cluster-image-scanning-report.json"),
    "codequality": ("raw", "gl-code-quality-report.json"),
    "container_scanning": ("raw", "gl-container-scanning-report.json"),
    "coverage_fuzzing": ("raw", "gl-coverage-fuzzing.json"),
    "cyclonedx": ("gzip", "gl-sbom.cdx.json"),
    "dast": ("raw", "gl-dast-report.json"),
    "dependency_scanning": ("raw", "gl-dependency-scanning-report.json"),
    "dotenv": ("gzip", ".env"),
    "junit": ("gzip", "junit.xml"),
    "license_scanning": ("raw", "gl-license-scanning-report.json"),
    "load_performance": ("raw", "load-performance.json"),
    "lsif": ("zip", "lsif.json"),
    "metrics": ("gzip", "metrics.txt"),
    "performance": ("raw", "performance.json"),
    "repository_xray": ("gzip", "gl-repository-xray.json"),
    "requirements": ("raw", "requirements.json"),
    "requirements_v2": ("raw", "requirements_v2.json"),
    "sarif": ("gzip", "gl-sarif-report.json"),
    "sast": ("raw", "gl-sast-report.json"),
    "scip": ("gzip", "scip.json"),
    "secret_detection": ("raw", "gl-secret-detection-report.json"),
    "terraform": ("raw", "tfplan.json"),
}
_COVERAGE = {"cobertura": "cobertura-coverage.xml", "jacoco": "jacoco-coverage.xml"}


def parse_artifacts(session: Session, value: Any, at: At) -> list[dict[str, Any]] | None:
    """The uploads of a job: one archive, then one entry for each report, which is kept whatever happens.

    Source: docs.gitlab.com/ci/yaml/#artifacts
    """
    options = read_map(session, value, at, "artifacts", _KEYS)
    if options is None:
        return None
    expire_in = _expiry(session, options, at)
    entries: list[dict[str, Any]] = []
    archive = _archive(session, options, at, expire_in)
    if archive is not None:
        entries.append(archive)
    if options.get("reports") is not None:
        entries += _reports(session, options["reports"], options.at("reports", at), expire_in)
    return entries


def _entry(artifact_type: str, artifact_format: str, name: str | None, paths: list[str]) -> dict[str, Any]:
    return {
        "name": name,
        "paths": paths,
        "exclude": [],
        "untracked": False,
        "when": "on_success" if artifact_type == "archive" else "always",
        "expire_in": None,
        "artifact_type": artifact_type,
        "artifact_format": artifact_format,
        "access": "all",
        "expose_as": None,
    }


def archive_of(paths: list[str]) -> dict[str, Any]:
    """The upload of these paths alone."""
    return _entry("archive", "zip", None, paths)


def _archive(session: Session, options: Map, at: At, expire_in: str | None) -> dict[str, Any] | None:
    entry = _entry("archive", "zip", None, [])
    entry["expire_in"] = expire_in
    for key in ("paths", "exclude"):
        if options.get(key) is not None:
            entry[key] = read_texts(session, options[key], options.at(key, at), f"artifacts:{key}") or []
    if options.get("untracked") is not None:
        entry["untracked"] = bool(
            read_bool(session, options["untracked"], options.at("untracked", at), "artifacts:untracked")
        )
    if options.get("name") is not None:
        entry["name"] = read_text(session, options["name"], options.at("name", at), "artifacts:name")
    if options.get("when") is not None:
        entry["when"] = read_choice(session, options["when"], options.at("when", at), "artifacts:when", WHENS)
    entry["access"] = _access(session, options, at)
    _expose(session, options, at, entry)
    if not entry["paths"] and not entry["untracked"]:
        if options.get("reports") is None and all(key in _KEYS for key in options):
            text = "artifacts has neither paths nor untracked nor reports, so nothing is kept."
            session.report.warning(text, at)
        return None
    return entry


def _access(session: Session, options: Map, at: At) -> str:
    """Source: docs.gitlab.com/ci/yaml/#artifactsaccess"""
    if options.get("access") is not None:
        if options.get("public") is not None:
            text = "artifacts:access and artifacts:public exclude each other. Keep access."
            session.report.error(text, options.at_key("public", at))
        place = options.at("access", at)
        return read_choice(session, options["access"], place, "artifacts:access", _ACCESS) or "all"
    if options.get("public") is not None:
        public = read_bool(session, options["public"], options.at("public", at), "artifacts:public")
        return "developer" if public is False else "all"
    return "all"


def _expose(session: Session, options: Map, at: At, entry: dict[str, Any]) -> None:
    """Source: docs.gitlab.com/ci/yaml/#artifactsexpose_as; GitLab, lib/gitlab/ci/config/entry/artifacts.rb"""
    if options.get("expose_as") is None:
        return
    place = options.at("expose_as", at)
    name = entry["expose_as"] = read_text(session, options["expose_as"], place, "artifacts:expose_as", 100)
    if name is not None and not _EXPOSED_NAME.fullmatch(name):
        session.report.error("artifacts:expose_as may hold letters, digits, spaces and - _ only.", place)
    if not entry["paths"]:
        session.report.error("artifacts:expose_as needs artifacts:paths. Say which files are shown.", place)
    elif any("*" in path for path in entry["paths"]):
        session.report.error(
            "artifacts:expose_as does not work with * in artifacts:paths. Write plain paths.", place
        )


def _expiry(session: Session, options: Map, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#artifactsexpire_in"""
    value = options.get("expire_in")
    if value is None:
        return None
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if isinstance(text, str) and (text.strip().lower() == "never" or parse_duration(text) is not None):
        return text
    wrong(
        session,
        options.at("expire_in", at),
        "artifacts:expire_in",
        "a duration such as '1 week', or 'never'",
        value,
    )
    return None


def _reports(session: Session, value: Any, at: At, expire_in: str | None) -> list[dict[str, Any]]:
    reports = read_map(session, value, at, "artifacts:reports", (*_REPORTS, "coverage_report"))
    entries: list[dict[str, Any]] = []
    for kind, item in (reports or {}).items():
        assert reports is not None
        if item is None:
            continue
        entry = None
        if kind == "coverage_report":
            entry = _coverage_report(session, item, reports.at(kind, at))
        elif kind in _REPORTS:
            paths = read_texts(session, item, reports.at(kind, at), f"artifacts:reports:{kind}", single=True)
            entry = None if paths is None else _entry(kind, *_REPORTS[kind], paths)
        if entry is not None:
            entry["expire_in"] = expire_in
            entries.append(entry)
    return entries


def _coverage_report(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """Source: docs.gitlab.com/ci/yaml/artifacts_reports/#artifactsreportscoverage_report"""
    keyword = "artifacts:reports:coverage_report"
    options = read_map(session, value, at, keyword, ("coverage_format", "path"))
    if options is None:
        return None
    for key in ("coverage_format", "path"):
        if options.get(key) is None:
            session.report.error(f"{keyword} needs {key}.", at)
            return None
    place = options.at("coverage_format", at)
    kind = read_choice(session, options["coverage_format"], place, f"{keyword}:coverage_format", _COVERAGE)
    path = read_text(session, options["path"], options.at("path", at), f"{keyword}:path")
    if kind is None or path is None:
        return None
    return _entry(kind, "gzip", _COVERAGE[kind], [path])
