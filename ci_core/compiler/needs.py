"""Owns the graph of jobs: needs, dependencies and on_stop lead to jobs that can be there, without circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ci_core.compiler.diagnostics import At, circle_text
from ci_core.compiler.jobs import JobDraft
from ci_core.compiler.keywords.needs import NeedSpec
from ci_core.compiler.session import Session
from ci_core.compiler.types import CompiledNeed

Copies = Mapping[str, Sequence[str]]


def check_graph(
    session: Session, drafts: Sequence[JobDraft], order: Mapping[str, int], copies: Copies
) -> None:
    """Checks that hold whichever jobs end up in the pipeline.

    Source: docs.gitlab.com/ci/yaml/#needs, docs.gitlab.com/ci/yaml/#dependencies
    """
    jobs = {draft.name: draft for draft in drafts}
    originals = {copy: name for name, names in copies.items() for copy in names}
    for draft in drafts:
        if draft.needs:
            _check_needs(session, draft, jobs, order, originals)
        if draft.values.get("dependencies"):
            _check_dependencies(session, draft, jobs, order, originals)
        environment = draft.values.get("environment")
        if environment is not None and environment.on_stop is not None:
            _check_on_stop(session, draft, jobs)
    _check_circles(session, jobs, originals)


def _is_later(target: JobDraft, draft: JobDraft, order: Mapping[str, int]) -> bool:
    """Whether a job is in a later stage than another. Of a stage that does not exist nothing is said."""
    first, second = order.get(target.stage), order.get(draft.stage)
    return first is not None and second is not None and first > second


def _check_needs(
    session: Session,
    draft: JobDraft,
    jobs: Mapping[str, JobDraft],
    order: Mapping[str, int],
    originals: Mapping[str, str],
) -> None:
    seen: set[str] = set()
    for need in draft.needs or ():
        if need.job in seen:
            text = f"'{draft.name}' needs '{need.job}' twice. Keep one of the two."
            session.report.error(text, need.at, "needs")
        seen.add(need.job)
        target = jobs.get(originals.get(need.job, need.job))
        if target is None:
            if not need.optional:
                hint = session.report.did_you_mean(need.job, jobs)
                text = f"'{draft.name}' job needs '{need.job}' job, but the configuration has no such job."
                session.report.error(text + hint, need.at, "needs")
        elif _is_later(target, draft, order):
            session.report.error(
                f"'{draft.name}' job needs '{need.job}' job, but '{need.job}' is in the later stage "
                f"'{target.stage}'. "
                f"Needs may lead to the job's own stage '{draft.stage}' and to earlier ones.",
                need.at,
                "needs",
            )


def _check_dependencies(
    session: Session,
    draft: JobDraft,
    jobs: Mapping[str, JobDraft],
    order: Mapping[str, int],
    originals: Mapping[str, str],
) -> None:
    needs = None if draft.needs is None else {originals.get(need.job, need.job) for need in draft.needs}
    for name, at in draft.values["dependencies"]:
        base = originals.get(name, name)
        target = jobs.get(base)
        if target is None:
            hint = session.report.did_you_mean(name, jobs)
            text = f"dependencies names '{name}', which is not a job of the configuration.{hint}"
        elif _is_later(target, draft, order):
            text = f"dependencies names '{name}', which is in the later stage '{target.stage}'."
        elif needs is not None and base not in needs:
            text = f"dependencies names '{name}', which is not among the job's needs. Add it to needs."
        elif needs is None and target.stage == draft.stage:
            text = f"dependencies names '{name}', which is in the same stage. Use needs for that."
        else:
            continue
        session.report.error(text, at, "needs")


def _check_on_stop(session: Session, draft: JobDraft, jobs: Mapping[str, JobDraft]) -> None:
    """Source: docs.gitlab.com/ci/yaml/#environmenton_stop"""
    environment = draft.values["environment"]
    name = environment.on_stop
    target = jobs.get(name)
    other = None if target is None else target.values.get("environment")
    if target is None:
        text = f"which is not a job of the configuration.{session.report.did_you_mean(name, jobs)}"
    elif other is None:
        text = "which has no environment. Give it the same one with action: stop."
    elif other.action != "stop":
        text = "whose environment must have action: stop."
    elif other.name != environment.name:
        text = f"whose environment is '{other.name}' and not '{environment.name}'."
    else:
        return
    session.report.error(f"environment:on_stop names '{name}', {text}", environment.at)


def _check_circles(session: Session, jobs: Mapping[str, JobDraft], originals: Mapping[str, str]) -> None:
    """Reports each circle of needs once. Walks without recursion, since chains may be long."""
    edges: dict[str, list[tuple[str, At]]] = {}
    for name, draft in jobs.items():
        found = [(originals.get(need.job, need.job), need.at) for need in draft.needs or ()]
        edges[name] = [(target, at) for target, at in found if target in jobs]
    done: set[str] = set()
    for start in edges:
        if start not in done:
            _walk(session, start, edges, done)


def _walk(session: Session, start: str, edges: Mapping[str, list[tuple[str, At]]], done: set[str]) -> None:
    path: dict[str, None] = {start: None}
    trail = [(start, iter(edges[start]))]
    while trail:
        name, targets = trail[-1]
        step = next(targets, None)
        if step is None:
            trail.pop()
            path.pop(name)
            done.add(name)
        elif step[0] in path:
            names = list(path)
            circle = circle_text(names[names.index(step[0]) :])
            session.report.error(
                f"The needs go in a circle: {circle}. Take one of them out.", step[1], "needs"
            )
        elif step[0] not in done:
            path[step[0]] = None
            trail.append((step[0], iter(edges[step[0]])))


def compile_needs(
    session: Session,
    draft: JobDraft,
    included: Mapping[str, JobDraft],
    left_out: Mapping[str, JobDraft],
    copies: Copies,
) -> tuple[CompiledNeed, ...] | None:
    """The needs of a job that is in the pipeline; `parallel` jobs are needed with all their copies.

    Source: docs.gitlab.com/ci/yaml/#needsoptional
    """
    if draft.needs is None:
        return None
    found: dict[str, CompiledNeed] = {}
    for need in draft.needs:
        if need.job in included:
            for name in copies.get(need.job, (need.job,)):
                found[name] = CompiledNeed(name, need.optional, need.artifacts)
        elif need.job in left_out and not need.optional:
            _missing(session, draft, need, left_out[need.job])
    limit = session.limits.needs_per_job
    if len(found) > limit:
        session.report.error(
            f"'{draft.name}' needs {len(found)} jobs, more than the limit of {limit} (needs_per_job).",
            draft.body.at("needs", draft.at) if "needs" in draft.body else draft.at,
            "limit",
        )
    return tuple(found.values())


def _missing(session: Session, draft: JobDraft, need: NeedSpec, target: JobDraft) -> None:
    reason = {
        "rule_never": "a rule leaves it out with when: never",
        "no_rule_matched": "none of its rules matches",
        "no_rules_in_merge_request": "jobs without rules are not in merge request pipelines",
    }.get(target.decision.reason, "its rules leave it out")
    session.report.error(
        f"'{draft.name}' job needs '{need.job}' job, but '{need.job}' does not exist in the pipeline: "
        f"{reason} (line {target.at.mark.line + 1}). Add optional: true to the need if that is meant.",
        need.at,
        "needs",
    )
