"""Owns the graph of jobs: needs, dependencies and on_stop lead to jobs that can be there, without circles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ci_core.compiler.copies import Copies
from ci_core.compiler.diagnostics import At, circle_text, quote_list
from ci_core.compiler.jobs import JobDraft
from ci_core.compiler.keywords.needs import MATRIX, NeedSpec, NeedsSpec
from ci_core.compiler.keywords.parallel import matrix_name
from ci_core.compiler.keywords.triggers import artifact_jobs
from ci_core.compiler.session import Session
from ci_core.compiler.types import CompiledNeed
from ci_core.compiler.variables import CompiledVariable

_NO_JOB = "which is not a job of the configuration."
_ARTIFACT_OF = "trigger:include takes an artifact of"


def check_graph(
    session: Session, drafts: Sequence[JobDraft], order: Mapping[str, int], copies: Copies
) -> None:
    """Checks that hold whichever jobs end up in the pipeline.

    Source: docs.gitlab.com/ci/yaml/#needs, docs.gitlab.com/ci/yaml/#dependencies
    """
    jobs: dict[str, JobDraft] = {}
    variants: dict[tuple[str, int], JobDraft] = {}
    for draft in drafts:
        jobs.setdefault(draft.base, draft)
        variants.setdefault((draft.base, id(draft.needs)), draft)
    originals = {copy: name for name, names in copies.items() for copy in names}
    for draft in jobs.values():
        for needs in _written_needs(draft):
            _check_needs(session, draft, needs, jobs, order, originals)
        if draft.values.get("dependencies"):
            _check_dependencies(session, draft, jobs, order, originals)
        if draft.values.get("trigger") is not None:
            _check_artifact_jobs(session, draft, jobs, order, originals)
        environment = draft.values.get("environment")
        if environment is not None and environment.on_stop is not None:
            _check_on_stop(session, draft, jobs)
    _check_circles(session, jobs, variants.values(), originals)


def _written_needs(draft: JobDraft) -> Iterator[Sequence[NeedSpec]]:
    """The needs of a job and of all its rules: each is checked, whichever comes into force.

    Source: GitLab, lib/gitlab/ci/yaml_processor.rb, validate_job_needs!
    """
    specs = [draft.values.get("needs"), *(rule.needs for rule in draft.values.get("rules") or ())]
    yield from {id(spec): spec.jobs for spec in specs if spec is not None and spec.jobs}.values()


def _is_later(target: JobDraft, draft: JobDraft, order: Mapping[str, int]) -> bool:
    """Whether a job is in a later stage than another. Of a stage that does not exist nothing is said."""
    first, second = order.get(target.stage), order.get(draft.stage)
    return first is not None and second is not None and first > second


def _check_needs(
    session: Session,
    draft: JobDraft,
    needs: Sequence[NeedSpec],
    jobs: Mapping[str, JobDraft],
    order: Mapping[str, int],
    originals: Mapping[str, str],
) -> None:
    seen: set[str] = set()
    session.spend(len(needs), draft.at)
    for need in needs:
        if need.job in seen and need.matrix is None:
            text = f"'{draft.base}' needs '{need.job}' twice. Keep one of the two."
            session.report.error(text, need.at, "needs")
        seen.add(need.job)
        target = jobs.get(originals.get(need.job, need.job))
        if target is None:
            if not need.optional:
                hint = session.report.did_you_mean(need.job, jobs)
                text = f"'{draft.base}' job needs '{need.job}' job, but the configuration has no such job."
                session.report.error(text + hint, need.at, "needs")
        elif _is_later(target, draft, order):
            session.report.error(
                f"'{draft.base}' job needs '{need.job}' job, but '{need.job}' is in the later stage "
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
    """Each must be a job of the same or an earlier stage, and among the needs where there are any.

    Source: GitLab, lib/gitlab/ci/yaml_processor.rb, validate_job_dependencies!, and
    lib/gitlab/ci/config/entry/job.rb
    """
    spec: NeedsSpec | None = draft.values.get("needs")
    if spec is not None and spec.cross and not spec.jobs:
        text = (
            "dependencies needs jobs of this pipeline among the needs, and these are of other pipelines only."
        )
        session.report.error(text, draft.body.at("dependencies", draft.at), "needs")
        return
    needs = None if spec is None else {originals.get(need.job, need.job) for need in spec.jobs}
    for name, at in draft.values["dependencies"]:
        base = originals.get(name, name)
        target = jobs.get(base)
        if target is None:
            hint = session.report.did_you_mean(name, jobs)
            session.report.error(f"dependencies names '{name}', {_NO_JOB}{hint}", at, "needs")
        elif _is_later(target, draft, order):
            text = f"dependencies names '{name}', which is in the later stage '{target.stage}'."
            session.report.error(text, at, "needs")
        elif needs and base not in needs:
            text = f"dependencies names '{name}', which is not among the job's needs. Add it to needs."
            session.report.error(text, at, "needs")
        elif needs is not None and not needs:
            text = f"dependencies names '{name}', but the job needs no job, so it gets no artifacts. Add it to needs."
            session.report.warning(text, at, "needs")
        elif needs is None and target.stage == draft.stage:
            text = (
                f"dependencies names '{name}', which is in the same stage, so its artifacts are not fetched."
            )
            session.report.warning(f"{text} Use needs.", at, "needs")


def _check_artifact_jobs(
    session: Session,
    draft: JobDraft,
    jobs: Mapping[str, JobDraft],
    order: Mapping[str, int],
    originals: Mapping[str, str],
) -> None:
    """The jobs whose artifacts `trigger:include` names, in the same or an earlier stage.

    Source: GitLab, lib/gitlab/ci/yaml_processor.rb, validate_dynamic_child_pipeline_dependencies!
    """
    for name, at in artifact_jobs(session, draft.body["trigger"], draft.body.at("trigger", draft.at)):
        target = jobs.get(originals.get(name, name))
        if target is None:
            text = f"{_ARTIFACT_OF} '{name}', {_NO_JOB}{session.report.did_you_mean(name, jobs)}"
        elif name not in originals and target.values.get("parallel") is not None:
            text = f"{_ARTIFACT_OF} '{name}', which has copies. Write the name of one of them."
        elif _is_later(target, draft, order):
            text = f"{_ARTIFACT_OF} '{name}', which is in the later stage '{target.stage}'."
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
        text = f"{_NO_JOB}{session.report.did_you_mean(name, jobs)}"
    elif other is None:
        text = "which has no environment. Give it the same one with action: stop."
    elif other.action != "stop":
        text = "whose environment must have action: stop."
    elif other.name != environment.name:
        text = f"whose environment is '{other.name}' and not '{environment.name}'."
    else:
        return
    session.report.error(f"environment:on_stop names '{name}', {text}", environment.at)


def _check_circles(
    session: Session,
    jobs: Mapping[str, JobDraft],
    variants: Iterable[JobDraft],
    originals: Mapping[str, str],
) -> None:
    """Reports each circle of needs once. Walks without recursion, since chains may be long."""
    edges: dict[str, list[tuple[str, At]]] = {name: [] for name in jobs}
    for draft in variants:
        found = [(originals.get(need.job, need.job), need.at) for need in draft.needs or ()]
        edges[draft.base] += [(target, at) for target, at in found if target in jobs]
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


class NeedsCompiler:
    """Compiles the needs of jobs that are in the pipeline; `parallel` jobs are needed with all their copies.

    Source: docs.gitlab.com/ci/yaml/#needsoptional, docs.gitlab.com/ci/yaml/#needsparallelmatrix
    """

    def __init__(
        self,
        session: Session,
        included: Mapping[str, JobDraft],
        left_out: Mapping[str, JobDraft],
        copies: Copies,
    ) -> None:
        self._session = session
        self._included = included
        self._left_out = left_out
        self._copies = copies
        self._sets: dict[str, frozenset[str]] = {}
        self._made: dict[tuple[str, bool, bool], CompiledNeed] = {}
        self._known: dict[int, tuple[Any, tuple[CompiledNeed, ...]]] = {}

    def of(self, draft: JobDraft) -> tuple[CompiledNeed, ...] | None:
        """The needs of one job; None when it has none, and waits for its stage. Copies share theirs."""
        needs = draft.needs
        if needs is None:
            return None
        follows = any(need.matrix is not None and need.follows_matrix for need in needs)
        known = None if follows else self._known.get(id(needs))
        if known is None:
            known = (needs, self._compile(draft, needs))
            if not follows:
                self._known[id(needs)] = known
        return known[1]

    def _compile(self, draft: JobDraft, needs: Sequence[NeedSpec]) -> tuple[CompiledNeed, ...]:
        found: dict[str, CompiledNeed] = {}
        sources: dict[str, NeedSpec] = {}
        for need in needs:
            for name in self._names(draft, need):
                if name in self._included:
                    self._check_single(draft, name, need, sources.setdefault(name, need))
                    found[name] = self._need(name, need)
                elif name in self._left_out and not need.optional:
                    _missing(self._session, draft, name, need, self._left_out[name])
        limit = self._session.limits.needs_per_job
        if len(found) > limit:
            self._session.report.error(
                f"'{draft.base}' needs {len(found)} jobs, more than the limit of {limit} (needs_per_job).",
                draft.body.at("needs", draft.at) if "needs" in draft.body else draft.at,
                "limit",
            )
        self._session.spend(len(found), draft.at)
        return tuple(found.values())

    def _check_single(self, draft: JobDraft, name: str, need: NeedSpec, first: NeedSpec) -> None:
        """Reports a copy that two entries need in different ways; check_graph finds equal entries.

        Source: GitLab, lib/gitlab/ci/yaml_processor.rb, validate_needs_specification!
        """
        alike = first.job == need.job and first.matrix is None and need.matrix is None
        if first is not need and not alike:
            text = f"'{draft.base}' needs '{name}' twice. Keep one of the two."
            self._session.report.error(text, need.at, "needs")

    def _need(self, name: str, need: NeedSpec) -> CompiledNeed:
        key = (name, need.optional, need.artifacts)
        if key not in self._made:
            self._made[key] = CompiledNeed(*key)
        return self._made[key]

    def _names(self, draft: JobDraft, need: NeedSpec) -> Sequence[str]:
        copies = self._copies.get(need.job, (need.job,))
        if need.matrix is None:
            return copies
        self._session.spend(8 * len(need.matrix), need.at)
        own = {item.key: item.value for item in draft.matrix}
        known = self._sets.get(need.job)
        if known is None:
            known = self._sets[need.job] = frozenset(copies)
        names = []
        for values in need.matrix:
            name = matrix_name(need.job, [_followed(item, own) for item in values])
            if name in known:
                names.append(name)
            elif not need.optional:
                text = f"'{draft.name}' job needs '{name}' job, but '{need.job}' has no such copy."
                listed = f" It has {quote_list(copies)}." if need.job in self._copies else ""
                self._session.report.error(text + listed, need.at, "needs")
        return names


def _followed(item: CompiledVariable, own: Mapping[str, str]) -> CompiledVariable:
    """`$[[ matrix.NAME ]]` is the value that the needing copy has itself.

    Source: docs.gitlab.com/ci/yaml/matrix_expressions/
    """
    if "$[[" not in item.value:
        return item
    return CompiledVariable(item.key, MATRIX.sub(lambda match: own.get(match[1], match[0]), item.value))


def _missing(session: Session, draft: JobDraft, name: str, need: NeedSpec, target: JobDraft) -> None:
    reason = {
        "rule_never": "a rule leaves it out with when: never",
        "no_rule_matched": "none of its rules matches",
        "no_rules_in_merge_request": "jobs without rules are not in merge request pipelines",
        "only_not_matched": "its only does not match",
        "except_matched": "its except matches",
    }.get(target.decision.reason, "its rules leave it out")
    session.report.error(
        f"'{draft.base}' job needs '{name}' job, but '{name}' does not exist in the pipeline: "
        f"{reason} (line {target.at.mark.line + 1}). Add optional: true to the need if that is meant.",
        need.at,
        "needs",
    )
