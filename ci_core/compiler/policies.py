"""Owns deciding by `only` and `except`."""

from __future__ import annotations

from collections.abc import Mapping

from ci_core.compiler.explanation import Decision, PolicyTrace
from ci_core.compiler.expressions.patterns import compile_pattern, split_pattern
from ci_core.compiler.filesets import evaluate_paths
from ci_core.compiler.keywords.policies import PolicySpec
from ci_core.compiler.rules import MERGE_REQUEST, evaluate_condition
from ci_core.compiler.session import Session

_EXTERNAL = "external_pull_request_event"
_EVERY_REF = "//"  # an empty pattern, as in //@group/project
_DEFAULT_REFS = ("branches", "tags")
# The words for sources; those not named here are the source itself.
# Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#onlyrefs--exceptrefs
_SOURCES = {
    MERGE_REQUEST: "merge_requests",
    _EXTERNAL: "external_pull_requests",
    "push": "pushes",
    "schedule": "schedules",
    "trigger": "triggers",
    "pipeline": "pipelines",
}


def decide_by_policies(
    session: Session,
    only: PolicySpec | None,
    except_: PolicySpec | None,
    variables: Mapping[str, str],
    workflow_has_rules: bool,
) -> Decision:
    """In when all that `only` asks for is true and nothing that `except` names is.

    `only` without refs means branches and tags; so does no `only` at all, unless the workflow has rules.
    Source: docs.gitlab.com/ci/yaml/deprecated_keywords/#only--except
    """
    traces: list[PolicyTrace] = []
    if only is not None or not workflow_has_rules:
        refs = _DEFAULT_REFS if only is None or only.refs is None else only.refs
        traces += _look(session, "only", only, refs, variables)
    included = all(trace.value for trace in traces)
    reason = "only" if included else "only_not_matched"
    if except_ is not None:
        refused = _look(session, "except", except_, except_.refs, variables)
        traces += refused
        if included and any(trace.value for trace in refused):
            included, reason = False, "except_matched"
    return Decision(included, reason, policies=tuple(traces))


def _look(
    session: Session,
    keyword: str,
    spec: PolicySpec | None,
    refs: tuple[str, ...] | None,
    variables: Mapping[str, str],
) -> list[PolicyTrace]:
    traces: list[PolicyTrace] = []
    if refs is not None:
        session.spend(len(refs), session.origin if spec is None else spec.at)
        matched = next((ref for ref in refs if _matches(session, ref, variables)), None)
        traces.append(PolicyTrace(f"{keyword}:refs", matched is not None, matched))
    if spec is None:
        return traces
    if spec.variables is not None:
        session.spend(len(spec.variables), spec.at)
        expressions = tuple(evaluate_condition(session, condition, variables) for condition in spec.variables)
        value = any(trace.value for trace in expressions)
        traces.append(PolicyTrace(f"{keyword}:variables", value, expressions=expressions))
    if spec.changes is not None:
        changes = evaluate_paths(session, spec.changes, variables)
        traces.append(PolicyTrace(f"{keyword}:changes", changes.value, changes=changes))
    if spec.kubernetes:
        active = variables.get("CI_KUBERNETES_ACTIVE") == "true"
        traces.append(PolicyTrace(f"{keyword}:kubernetes", active))
    return traces


def _matches(session: Session, text: str, variables: Mapping[str, str]) -> bool:
    """Whether one entry of refs is true: `word`, `name`, `/pattern/`, each also with `@group/project`."""
    context = session.context
    pattern, _, project = text.partition("@")
    if project and project != variables.get("CI_PROJECT_PATH"):
        return False
    request = context.source in (MERGE_REQUEST, _EXTERNAL)
    if (pattern == "tags" and context.tag) or (pattern == "branches" and not context.tag and not request):
        return True
    if pattern in (context.source, _SOURCES.get(context.source), _EVERY_REF):
        return True
    split = split_pattern(pattern)
    if split is None:
        return pattern == context.ref
    compiled = compile_pattern(*split)
    return compiled is not None and compiled.search(context.ref) is not None
