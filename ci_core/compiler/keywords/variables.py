"""Owns the keyword `variables`, of the whole configuration, of jobs, of rules and of services."""

from __future__ import annotations

import re
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import read_map, read_text, read_texts, wrong
from ci_core.compiler.scalars import scalar_text
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq, describe
from ci_core.compiler.variables import CompiledVariable

_NAME = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_JOB_KEYS = ("value", "expand")
_GLOBAL_KEYS = ("value", "description", "options", "expand")


def parse_job_variables(session: Session, value: Any, at: At) -> tuple[CompiledVariable, ...] | None:
    """`variables` of a job: values, or maps with `value` and `expand`.

    Source: docs.gitlab.com/ci/yaml/#job-variables
    """
    return _variables(session, value, at, _JOB_KEYS)


def parse_plain_variables(session: Session, value: Any, at: At) -> tuple[CompiledVariable, ...] | None:
    """`variables` of a rule or a service: values only.

    Source: docs.gitlab.com/ci/yaml/#variablesexpand; GitLab, lib/gitlab/ci/config/entry/variable.rb
    """
    return _variables(session, value, at, ())


def parse_global_variables(session: Session, value: Any, at: At) -> tuple[CompiledVariable, ...] | None:
    """`variables` at the top, which may also carry `description` and `options` for the form of a manual run.

    Source: docs.gitlab.com/ci/yaml/#default-variables
    """
    return _variables(session, value, at, _GLOBAL_KEYS)


def _variables(
    session: Session, value: Any, at: At, known: tuple[str, ...]
) -> tuple[CompiledVariable, ...] | None:
    if not isinstance(value, Map):
        wrong(session, at, "variables", "a map of names and values", value)
        return None
    found: list[CompiledVariable] = []
    for name, item in value.items():
        if not _NAME.fullmatch(name):
            session.report.error(
                f"'{name[:60]}' cannot be the name of a variable: only letters, digits and _ are allowed.",
                value.at_key(name, at),
            )
            continue
        if isinstance(item, str):
            found.append(CompiledVariable(name, item))
            continue
        variable = _variable(session, name, item, value.at(name, at), known)
        if variable is not None:
            found.append(variable)
    return tuple(found)


def _variable(
    session: Session, name: str, item: Any, at: At, known: tuple[str, ...]
) -> CompiledVariable | None:
    if isinstance(item, str | int | float):
        return CompiledVariable(name, scalar_text(item))
    if not known:
        expected = "a text or a number; in rules and services it has no further keys"
        wrong(session, at, f"The variable {name}", expected, item)
        return None
    if item is None:
        return CompiledVariable(name, "")
    if not isinstance(item, Map):
        wrong(session, at, f"The variable {name}", "a text, a number or a map with value", item)
        return None
    options = read_map(session, item, at, f"The variable {name}", known)
    if options is None:
        return None
    value = options.get("value")
    if isinstance(value, Map | Seq):
        wrong(session, options.at("value", at), f"The value of the variable {name}", "a text", value)
        return None
    if "description" in options and options["description"] is not None:
        read_text(session, options["description"], options.at("description", at), "description")
    expand = options.get("expand", True)
    if not isinstance(expand, bool):
        wrong(session, options.at("expand", at), "expand", "true or false", expand)
        return None
    if options.get("options") is not None and not _in_options(session, options, at):
        return None
    return CompiledVariable(name, scalar_text(value), not expand)


def _in_options(session: Session, options: Map, at: At) -> bool:
    """`options` lists the values to choose from, and `value` must be one of them.

    Source: docs.gitlab.com/ci/yaml/#variablesoptions
    """
    choices, place = options["options"], options.at("options", at)
    texts = read_texts(session, choices, place, "options")
    if texts is None:
        return False
    if texts and options.get("value") not in texts:
        session.report.error(
            f"value must be one of the options, not {describe(options.get('value'))}.", place
        )
        return False
    return True
