"""Owns image and services."""

from __future__ import annotations

from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import (
    items,
    read_choice,
    read_map,
    read_text,
    read_texts,
    wrong,
)
from ci_core.compiler.keywords.variables import parse_plain_variables
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Seq

_POLICIES = ("always", "if-not-present", "never")
_IMAGE = ("name", "entrypoint", "docker", "kubernetes", "pull_policy")
_SERVICE = (*_IMAGE, "alias", "command", "variables")
_EXECUTORS = {"docker": ("platform", "user"), "kubernetes": ("user",)}
# Source: GitLab, lib/gitlab/ci/config/entry/schemas/imageable/executor_opts.json
_LONGEST_OPTIONS = {"platform": 64, "user": 255}


def parse_image(session: Session, value: Any, at: At) -> dict[str, Any] | None:
    """An image, by name or as a map.

    Source: docs.gitlab.com/ci/yaml/#image
    """
    return _image(session, value, at, "image", _IMAGE)


def parse_services(session: Session, value: Any, at: At) -> list[dict[str, Any]] | None:
    """Images that run beside the job.

    Source: docs.gitlab.com/ci/yaml/#services
    """
    if not isinstance(value, Seq):
        wrong(session, at, "services", "a list of images", value)
        return None
    found = [_image(session, item, place, "service", _SERVICE) for item, place in items(session, value, at)]
    return [item for item in found if item is not None]


def _image(
    session: Session, value: Any, at: At, keyword: str, known: tuple[str, ...]
) -> dict[str, Any] | None:
    if isinstance(value, str):
        name = read_text(session, value, at, keyword)
        return None if name is None else {"name": name}
    options = read_map(session, value, at, keyword, known)
    if options is None:
        return None
    if "name" not in options:
        session.report.error(f"{keyword} has no name. Write name: and the image to use.", at)
        return None
    result: dict[str, Any] = {
        "name": read_text(session, options["name"], options.at("name", at), f"{keyword}:name")
    }
    for key in ("entrypoint", "command"):
        if options.get(key) is not None:
            result[key] = read_texts(session, options[key], options.at(key, at), f"{keyword}:{key}")
    if options.get("alias") is not None:
        result["alias"] = read_text(session, options["alias"], options.at("alias", at), f"{keyword}:alias")
    if options.get("pull_policy") is not None:
        result["pull_policy"] = _pull_policy(
            session, options["pull_policy"], options.at("pull_policy", at), keyword
        )
    if options.get("variables") is not None:
        found = parse_plain_variables(session, options["variables"], options.at("variables", at))
        result["variables"] = [item.to_json() for item in found or ()]
    executors = {}
    for key, words in _EXECUTORS.items():
        if options.get(key) is not None:
            executors[key] = _executor(session, options[key], options.at(key, at), f"{keyword}:{key}", words)
    if executors:
        result["executor_opts"] = executors
    return result


def _executor(session: Session, value: Any, at: At, keyword: str, known: tuple[str, ...]) -> dict[str, str]:
    options = read_map(session, value, at, keyword, known)
    result: dict[str, str] = {}
    for key in known:
        item = None if options is None else options.get(key)
        if options is not None and item is not None:
            number = isinstance(item, int) and not isinstance(item, bool) and keyword.endswith(":kubernetes")
            text = str(item) if number else item
            read = read_text(session, text, options.at(key, at), f"{keyword}:{key}", _LONGEST_OPTIONS[key])
            if read is not None:
                result[key] = read
    return result


def _pull_policy(session: Session, value: Any, at: At, keyword: str) -> list[str]:
    """Source: docs.gitlab.com/ci/yaml/#imagepull_policy"""
    name = f"{keyword}:pull_policy"
    if isinstance(value, Seq) and value:
        policies = [
            read_choice(session, item, place, name, _POLICIES) for item, place in items(session, value, at)
        ]
    else:
        policies = [read_choice(session, value, at, name, _POLICIES)]
    return [policy for policy in policies if policy is not None]
