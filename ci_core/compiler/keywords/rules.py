"""Owns rules as they are written, for jobs and for the workflow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.expressions import Expression, ExpressionError, parse, variable_names
from ci_core.compiler.expressions.syntax import Binary, Not, Text
from ci_core.compiler.filesets import PathsSpec
from ci_core.compiler.keywords.control import (
    AllowFailure,
    parse_interruptible,
    parse_rule_allow_failure,
    parse_start_in,
)
from ci_core.compiler.keywords.needs import NeedsSpec, parse_rule_needs
from ci_core.compiler.keywords.paths import parse_changes, parse_exists
from ci_core.compiler.keywords.reading import items, read_choice, read_map, wrong
from ci_core.compiler.keywords.variables import parse_plain_variables
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq
from ci_core.compiler.variables import CompiledVariable

_JOB_KEYS = (
    "if",
    "changes",
    "exists",
    "when",
    "start_in",
    "allow_failure",
    "variables",
    "needs",
    "interruptible",
)
_WORKFLOW_KEYS = ("if", "changes", "exists", "when", "variables", "auto_cancel")
_INCLUDE_KEYS = ("if", "changes", "exists", "when")
# Source: docs.gitlab.com/ci/yaml/#workflowrules
_NO_EFFECT = dict.fromkeys(("start_in", "allow_failure", "needs"), "~has no effect in workflow:rules.")
_WHENS = ("on_success", "on_failure", "always", "manual", "delayed", "never")
_ON_NEW_COMMIT = ("conservative", "interruptible", "none")
_ON_JOB_FAILURE = ("none", "all")


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed `if`: its text, its tree and the variables in it."""

    text: str
    tree: Expression
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AutoCancel:
    """`auto_cancel` of the workflow; None where it says nothing."""

    on_new_commit: str | None = None
    on_job_failure: str | None = None


@dataclass(frozen=True, slots=True)
class RuleSpec:
    """One entry of `rules`, and its place."""

    at: At
    condition: Condition | None = None
    when: str | None = None
    changes: PathsSpec | None = None
    exists: PathsSpec | None = None
    start_in: int | None = None
    allow_failure: AllowFailure | None = None
    variables: tuple[CompiledVariable, ...] = ()
    needs: NeedsSpec | None = None
    interruptible: bool | None = None
    auto_cancel: AutoCancel | None = None


def parse_rules(session: Session, value: Any, at: At) -> tuple[RuleSpec, ...] | None:
    """`rules` of a job.

    Source: docs.gitlab.com/ci/yaml/#rules
    """
    return _rules(session, value, at, _JOB_KEYS, _WHENS)


def parse_workflow_rules(session: Session, value: Any, at: At) -> tuple[RuleSpec, ...] | None:
    """`workflow:rules`.

    Source: docs.gitlab.com/ci/yaml/#workflowrules
    """
    return _rules(session, value, at, _WORKFLOW_KEYS, ("always", "never"))


def parse_include_rules(session: Session, value: Any, at: At) -> tuple[RuleSpec, ...] | None:
    """`include:rules`.

    Source: docs.gitlab.com/ci/yaml/#includerules
    """
    return _rules(session, value, at, _INCLUDE_KEYS, ("always", "never"))


def _rules(
    session: Session, value: Any, at: At, known: tuple[str, ...], whens: tuple[str, ...]
) -> tuple[RuleSpec, ...] | None:
    if not isinstance(value, Seq):
        wrong(session, at, "rules", "a list of rules", value)
        return None
    found = [_rule(session, item, place, known, whens) for item, place in items(session, value, at)]
    return tuple(rule for rule in found if rule is not None)


def _rule(
    session: Session, value: Any, at: At, known: tuple[str, ...], whens: tuple[str, ...]
) -> RuleSpec | None:
    key = (f"rule {len(known)}", id(value))
    cached = session.parsed.get(key)
    if cached is not None:
        return cached[0]  # type: ignore[no-any-return]
    unsupported = _NO_EFFECT if known is _WORKFLOW_KEYS else None
    options = read_map(session, value, at, "rules", known, unsupported)
    rule = None if options is None else _read_rule(session, options, at, whens)
    session.parsed[key] = (rule, value)
    return rule


def _read_rule(session: Session, options: Map, at: At, whens: tuple[str, ...]) -> RuleSpec | None:
    values: dict[str, Any] = {}
    if not options:
        session.report.error("A rule must not be empty. Give it if, changes, exists or when.", at)
    for key, item in options.items():
        if item is None:
            continue
        place = options.at(key, at)
        if key == "if":
            values["condition"] = parse_condition(session, item, place)
        elif key == "when":
            values["when"] = read_choice(session, item, place, "rules:when", whens)
        elif key in _VALUES:
            values[key] = _VALUES[key](session, item, place)
    if values.get("variables", ()) is None:
        del values["variables"]
    if any(values.get(key, ()) is None for key in ("changes", "exists")):
        return None
    when, start_in = values.get("when"), options.get("start_in")
    if when == "delayed" and start_in is None:
        session.report.error("A rule with when: delayed needs start_in, such as start_in: 30 minutes.", at)
    if start_in is not None and when != "delayed":
        text = "start_in in a rule needs when: delayed in the same rule."
        session.report.error(text, options.at_key("start_in", at))
    if values.get("condition", ()) is None:
        return None
    return RuleSpec(at, **values)


def parse_condition(session: Session, value: Any, at: At) -> Condition | None:
    """The expression of an `if`. The same text is parsed once.

    Source: docs.gitlab.com/ci/yaml/#rulesif
    """
    if not isinstance(value, str):
        wrong(session, at, "rules:if", "an expression in text form", value)
        return None
    if value in session.expressions:
        known: Condition | ExpressionError = session.expressions[value]
    else:
        known = session.expressions[value] = _condition(session, value)
    if isinstance(known, ExpressionError):
        shown = value if len(value) <= 100 else value[:97] + "..."
        text = f"Invalid expression syntax at character {known.offset + 1} of `{shown}`: {known.message}."
        session.report.error(text, at, "expression", offset=(value, known.offset))
        return None
    if _matches_text(known.tree):
        session.report.warning(
            "A string to the right of =~ or !~ is searched for the left side. Write a /pattern/ instead.",
            at,
            "expression",
        )
    return known


def _condition(session: Session, text: str) -> Condition | ExpressionError:
    limits = session.limits
    try:
        tree = parse(
            text,
            max_length=limits.expression_length,
            max_depth=limits.expression_depth,
            max_operators=limits.expression_operators,
            max_regex=limits.regex_length,
        )
    except ExpressionError as error:
        return error
    return Condition(text, tree, variable_names(tree))


def _matches_text(node: Expression) -> bool:
    if isinstance(node, Not):
        return _matches_text(node.operand)
    if not isinstance(node, Binary):
        return False
    if (
        node.operator in ("=~", "!~")
        and isinstance(node.right, Text)
        and not node.right.value.startswith("/")
    ):
        return True
    return _matches_text(node.left) or _matches_text(node.right)


def parse_auto_cancel(session: Session, value: Any, at: At) -> AutoCancel | None:
    """Source: docs.gitlab.com/ci/yaml/#workflowauto_cancelon_new_commit"""
    options = read_map(session, value, at, "auto_cancel", ("on_new_commit", "on_job_failure"))
    if options is None:
        return None
    found: dict[str, str | None] = {}
    for key, choices in (("on_new_commit", _ON_NEW_COMMIT), ("on_job_failure", _ON_JOB_FAILURE)):
        if options.get(key) is not None:
            found[key] = read_choice(
                session, options[key], options.at(key, at), f"auto_cancel:{key}", choices
            )
    return AutoCancel(**found)


_VALUES = {
    "changes": parse_changes,
    "exists": parse_exists,
    "start_in": parse_start_in,
    "allow_failure": parse_rule_allow_failure,
    "variables": parse_plain_variables,
    "needs": parse_rule_needs,
    "interruptible": parse_interruptible,
    "auto_cancel": parse_auto_cancel,
}
