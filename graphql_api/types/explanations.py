"""Owns the account of a configuration as it is told to clients: what is in, what is not, and by which rule.

Parents are JSON objects as `ci_core.compiler.explanation` writes them, kept with pipelines or fresh from a compilation.
"""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import strawberry

from graphql_api.fields import leaf


def _item(type_: Any, description: str, key: str, name: str | None = None) -> Any:
    return leaf(type_, description, itemgetter(key), name=name)


@strawberry.type(
    name="CiConfigVariableValue", description="Extension of Pipeyard: a variable of an expression."
)
class VariableValue:
    """Its parent is a pair."""

    name = leaf(str, "Name of the variable.", itemgetter(0))
    value = leaf(str | None, "Its value, `[MASKED]` for a masked one; null if not defined.", itemgetter(1))


@strawberry.type(name="CiConfigStep", description="Extension of Pipeyard: a part of an expression.")
class Step:
    """One comparison or junction."""

    text = _item(str, "The part as text.", "text")
    value = _item(bool | None, "Its value; null if it was not needed.", "value")


@strawberry.type(name="CiConfigExpression", description="Extension of Pipeyard: an expression and its value.")
class Expression:
    """An `if`, or an entry of `only:variables`."""

    text = _item(str, "The expression as it is written.", "text")
    value = _item(bool, "Its value.", "value")
    variables = leaf(
        list[VariableValue], "The variables in it.", lambda found: list(found["variables"].items())
    )
    steps = _item(list[Step], "Its parts with their values.", "steps")


@strawberry.type(name="CiConfigPattern", description="Extension of Pipeyard: a pattern of paths.")
class Pattern:
    """An entry of `changes` or `exists`."""

    pattern = _item(str, "The pattern, its variables put in.", "pattern")
    matched = _item(bool, "Whether a file matches.", "matched")
    files = _item(list[str], "The first files that match.", "files")


@strawberry.type(
    name="CiConfigPaths", description="Extension of Pipeyard: a `changes` or `exists` and its value."
)
class Paths:
    """A `changes` or `exists`."""

    keyword = _item(str, "`changes` or `exists`.", "keyword")
    value = _item(bool, "Its value.", "value")
    patterns = _item(list[Pattern], "Its patterns.", "patterns")
    compared_with = _item(str | None, "What the changes are relative to.", "compared_with")
    note = _item(
        str | None,
        "Why the files do not matter: `no_push`, `too_many` or `refused`; null if they do.",
        "note",
    )


@strawberry.type(
    name="CiConfigRule", description="Extension of Pipeyard: an entry of `rules` that was looked at."
)
class Rule:
    """A rule."""

    index = _item(int, "Its place in the list, from 0.", "index")
    file = _item(str, "File that it is in.", "file")
    line = _item(int, "Line that it begins at.", "line")
    matched = _item(bool, "Whether it matched.", "matched")
    when = _item(str | None, "What it decides, such as `never`; null if it does not say.", "when")
    expression = _item(Expression | None, "Its `if`.", "if")
    changes = _item(Paths | None, "Its `changes`; null if it has none or was decided before.", "changes")
    exists = _item(Paths | None, "Its `exists`; null if it has none or was decided before.", "exists")


@strawberry.type(name="CiConfigPolicy", description="Extension of Pipeyard: a part of `only` or `except`.")
class Policy:
    """Such as `only:refs`."""

    keyword = _item(str, "Which part, such as `only:refs`.", "keyword")
    value = _item(bool, "Its value.", "value")
    matched = _item(str | None, "The entry that made it true.", "matched")
    expressions = _item(list[Expression], "Its expressions.", "expressions")
    changes = _item(Paths | None, "Its `changes`.", "changes")


REASON = (
    "Why: `no_rules`, `no_rules_in_merge_request`, `rule`, `rule_never`, `no_rule_matched`, `only`, "
    "`only_not_matched` or `except_matched`."
)


def _included() -> Any:
    return _item(bool, "Whether it is in.", "included")


def _rules() -> Any:
    return _item(list[Rule], "The rules that were looked at, in order; the last one decided.", "rules")


@strawberry.type(
    name="CiConfigDecision", description="Extension of Pipeyard: whether something is in, and why."
)
class Decision:
    """A decision on the workflow."""

    included = _included()
    reason = _item(str, REASON, "reason")
    rules = _rules()


@strawberry.type(
    name="CiConfigJobExplanation", description="Extension of Pipeyard: why a job is in, or is not."
)
class JobExplanation:
    """A job of the configuration, before `parallel` multiplies it."""

    name = _item(str, "Name of the job.", "name")
    file = _item(str, "File that it is in.", "file")
    line = _item(int, "Line that it begins at.", "line")
    included = _included()
    reason = _item(str, REASON, "reason")
    rules = _rules()
    policies = _item(list[Policy], "The parts of `only` and `except`.", "policies")


@strawberry.type(
    name="CiConfigIncludeExplanation",
    description="Extension of Pipeyard: why files are included, or are not.",
)
class IncludeExplanation:
    """An entry of `include`."""

    location = _item(str, "What it names.", "location")
    file = _item(str, "File that it is in.", "file")
    line = _item(int, "Line that it begins at.", "line")
    included = _included()
    reason = _item(str, REASON, "reason")
    rules = _rules()
    files = _item(list[str], "The files that it brought.", "files")


@strawberry.type(
    name="CiConfigExplanation",
    description="Extension of Pipeyard: what was decided on workflow, includes and jobs of a configuration, and why.",
)
class Explanation:
    """An Explanation."""

    workflow = _item(
        Decision | None, "The decision on the whole pipeline; null if it was not reached.", "workflow"
    )
    jobs = _item(list[JobExplanation], "The decision on each visible job.", "jobs")
    includes = _item(list[IncludeExplanation], "The decision on each entry of `include`.", "includes")
