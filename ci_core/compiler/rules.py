"""Owns deciding by rules: which entry matches, and the account of the entries looked at."""

from __future__ import annotations

from collections.abc import Mapping

from ci_core.compiler.explanation import Decision, RuleTrace
from ci_core.compiler.expressions import ExpressionTrace, evaluate
from ci_core.compiler.keywords.rules import Condition, RuleSpec
from ci_core.compiler.session import Session

MERGE_REQUEST = "merge_request_event"


def decide(
    session: Session, rules: tuple[RuleSpec, ...], default_when: str, variables: Mapping[str, str]
) -> tuple[RuleSpec | None, Decision]:
    """The first entry that matches, and the decision: out when it says never or when none matches.

    Jobs that share their rules and the values of the variables in them share the answer.
    Source: docs.gitlab.com/ci/yaml/#rules
    """
    names = _names(session, rules)
    if rules:
        session.spend(len(names), rules[0].at)
    key = (id(rules), default_when, tuple([variables.get(name) for name in names]))
    known: tuple[RuleSpec | None, Decision] | None = session.traces.get(key)
    if known is None:
        known = session.traces[key] = _decide(session, rules, default_when, variables)
    return known


def _names(session: Session, rules: tuple[RuleSpec, ...]) -> tuple[str, ...]:
    key = ("names", id(rules))
    names: tuple[str, ...] | None = session.traces.get(key)
    if names is None:
        found = {name: None for rule in rules if rule.condition for name in rule.condition.names}
        names = session.traces[key] = tuple(found)
    return names


def _decide(
    session: Session, rules: tuple[RuleSpec, ...], default_when: str, variables: Mapping[str, str]
) -> tuple[RuleSpec | None, Decision]:
    traces: list[RuleTrace] = []
    if rules:
        session.spend(len(rules), rules[0].at)
    for index, rule in enumerate(rules):
        trace = None if rule.condition is None else _evaluate(session, rule.condition, variables)
        matched = trace is None or trace.value
        when = (rule.when or default_when) if matched else None
        mark = rule.at.mark
        traces.append(RuleTrace(index, mark.name, mark.line + 1, matched, when, trace))
        if matched:
            included = when != "never"
            return rule, Decision(included, "rule" if included else "rule_never", tuple(traces))
    return None, Decision(False, "no_rule_matched", tuple(traces))


def _evaluate(session: Session, condition: Condition, variables: Mapping[str, str]) -> ExpressionTrace:
    key = (condition.text, tuple([variables.get(name) for name in condition.names]))
    known: ExpressionTrace | None = session.traces.get(key)
    if known is None:
        masked = session.context.masked
        known = evaluate(condition.tree, condition.text, variables.get, condition.names, masked)
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
