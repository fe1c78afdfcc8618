"""Owns the keyword `variables`, of the whole configuration, of jobs, of rules and of services."""

from __future__ import annotations

import re
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import read_map, read_text, wrong
from ci_core.compiler.scalars import scalar_text
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq, describe
from ci_core.compiler.variables import CompiledVariable

_NAME = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
_JOB_KEYS = ("value", "expand")
_GLOBAL_KEYS = ("value", "description", "options", "expand")


def parse_job_variables(session: Session, value: Any, at: At) -> tuple[CompiledVariable, ...] | None:
    """`variables` of a job, a rule or a service: values, or maps with `value` and `expand`.

    Source: docs.gitlab.com/ci/yaml/#job-variables
    """
    return _variables(session, value, at, _JOB_KEYS)


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
    if item is None:
        return CompiledVariable(name, "")
    if isinstance(item, str | int | float):
        return CompiledVariable(name, scalar_text(item))
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
    text = scalar_text(value)
    if options.get("options") is not None and not _in_options(session, options, text, at):
        return None
    return CompiledVariable(name, text, not expand)


def _in_options(session: Session, options: Map, value: str, at: At) -> bool:
    """`options` lists the values to choose from, and `value` must be one of them.

    Source: docs.gitlab.com/ci/yaml/#variablesoptions
    """
    choices, place = options["options"], options.at("options", at)
    if not isinstance(choices, Seq) or any(isinstance(choice, Map | Seq) for choice in choices):
        wrong(session, place, "options", "a list of texts", choices)
        return False
    if "value" not in options or value not in {scalar_text(choice) for choice in choices}:
        session.report.error(
            f"value must be one of the options, not {describe(options.get('value'))}.", place
        )
        return False
    return True
