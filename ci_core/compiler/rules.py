"""Owns deciding by rules: which entry matches, and the account of the entries looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ci_core.compiler.explanation import Decision, RuleTrace
from ci_core.compiler.expressions import ExpressionTrace, evaluate
from ci_core.compiler.fetching import HOME, Place
from ci_core.compiler.filesets import PathsSpec, evaluate_paths, filled
from ci_core.compiler.keywords.rules import Condition, RuleSpec
from ci_core.compiler.session import Session

MERGE_REQUEST = "merge_request_event"
Verdict: TypeAlias = "tuple[RuleSpec | None, Decision]"


def decide(
    session: Session,
    rules: tuple[RuleSpec, ...],
    default_when: str,
    variables: Mapping[str, str],
    place: Place = HOME,
) -> Verdict:
    """The first entry that matches, and the decision: out when it says never or when none matches.

    Jobs that share their rules and the values of the variables in them share the answer. `place` is where
    `exists` looks.
    Source: docs.gitlab.com/ci/yaml/#rules
    """
    names, texts = asked(session, rules)
    if rules:
        session.spend(len(names) + 4 * len(texts), rules[0].at)
    get = variables.get
    values = tuple([get(name) for name in names])
    filled_texts = tuple([filled(text, variables) for text in texts]) if texts else ()
    # Made of the place's parts, since a tuple is hashed much faster than the place.
    key = (id(rules), default_when, values, filled_texts, place.project, place.sha, place.ref, place.public)
    known: Verdict | None = session.verdicts.get(key)
    if known is None:
        known = session.verdicts[key] = _decide(session, rules, default_when, variables, place)
    return known


def asked(session: Session, rules: tuple[RuleSpec, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What rules depend on: the variables of their expressions, and their texts with variables in them."""
    known = session.asked.get(id(rules))
    if known is None:
        names = {name: None for rule in rules if rule.condition for name in rule.condition.names}
        specs = [spec for rule in rules for spec in (rule.changes, rule.exists) if spec is not None]
        texts = {text: None for spec in specs for text in _texts(spec) if "$" in text}
        known = session.asked[id(rules)] = (tuple(names), tuple(texts), rules)
    return known[0], known[1]


def _texts(spec: PathsSpec) -> tuple[str, ...]:
    return (*spec.paths, spec.regexp or "", spec.compare_to or "", spec.project or "", spec.ref or "")


def _decide(
    session: Session,
    rules: tuple[RuleSpec, ...],
    default_when: str,
    variables: Mapping[str, str],
    place: Place,
) -> Verdict:
    traces: list[RuleTrace] = []
    if rules:
        session.spend(len(rules), rules[0].at)
    for index, rule in enumerate(rules):
        trace = _look(session, index, rule, default_when, variables, place)
        traces.append(trace)
        if trace.matched:
            included = trace.when != "never"
            return rule, Decision(included, "rule" if included else "rule_never", tuple(traces))
    return None, Decision(False, "no_rule_matched", tuple(traces))


def _look(
    session: Session,
    index: int,
    rule: RuleSpec,
    default_when: str,
    variables: Mapping[str, str],
    place: Place,
) -> RuleTrace:
    """One entry: its `if`, its `changes` and its `exists` must all be true."""
    expression = changes = exists = None
    matched = True
    if rule.condition is not None:
        expression = evaluate_condition(session, rule.condition, variables)
        matched = expression.value
    if matched and rule.changes is not None:
        changes = evaluate_paths(session, rule.changes, variables)
        matched = changes.value
    if matched and rule.exists is not None:
        exists = evaluate_paths(session, rule.exists, variables, place)
        matched = exists.value
    when = (rule.when or default_when) if matched else None
    mark = rule.at.mark
    return RuleTrace(index, mark.name, mark.line + 1, matched, when, expression, changes, exists)


def evaluate_condition(
    session: Session, condition: Condition, variables: Mapping[str, str]
) -> ExpressionTrace:
    """The value of an `if`; equal ones with equal values are evaluated once."""
    key = (condition.text, tuple([variables.get(name) for name in condition.names]))
    known: ExpressionTrace | None = session.traces.get(key)
    if known is None:
        known = evaluate(condition.tree, condition.text, variables.get, condition.names, session.masked)
        session.traces[key] = known
    return known


def decide_without_rules(session: Session, workflow_has_rules: bool) -> Decision:
    """Without rules a job runs for branches and tags, and for merge requests only if workflow:rules exist.

    Source: docs.gitlab.com/ci/jobs/job_rules/#avoid-duplicate-pipelines
    """
    if session.context.source == MERGE_REQUEST and not workflow_has_rules:
        return Decision(False, "no_rules_in_merge_request")
    return _NO_RULES


_NO_RULES = Decision(True, "no_rules")
