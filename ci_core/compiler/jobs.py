"""Owns a job on its way from the YAML to the plan: read, given its defaults, decided on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At, quote_list
from ci_core.compiler.entries import GLOBAL_DEFAULTS, GLOBALS, entry_at
from ci_core.compiler.explanation import Decision
from ci_core.compiler.keywords.inherit import Inherit, takes
from ci_core.compiler.keywords.jobs import check_job, mirrors, read_keywords
from ci_core.compiler.keywords.needs import NeedSpec, NeedsSpec
from ci_core.compiler.keywords.rules import RuleSpec
from ci_core.compiler.keywords.workflow import DEFAULT_STAGE
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq, describe
from ci_core.compiler.variables import CompiledVariable

_INHERIT_ALL = Inherit()
# Source: docs.gitlab.com/ci/jobs/#job-names
_TAKEN = ("pages:deploy", "deploy")
UNDECIDED = Decision(True, "no_rules")


@dataclass(slots=True)
class JobDraft:
    """A visible job of the configuration, its keywords read.

    A copy made by `parallel` carries the name of its job in `base`, its number, how many there are, and its values.
    """

    name: str
    at: At
    body: Map
    values: dict[str, Any]
    stage: str
    base: str
    index: int | None = None
    total: int | None = None
    matrix: tuple[CompiledVariable, ...] = ()
    rule: RuleSpec | None = None
    decision: Decision = UNDECIDED

    def copy(self, name: str, index: int, total: int, matrix: tuple[CompiledVariable, ...] = ()) -> JobDraft:
        """The draft of one of the copies of this job."""
        return JobDraft(name, self.at, self.body, self.values, self.stage, self.base, index, total, matrix)

    @property
    def inherit(self) -> Inherit:
        """What the job takes over from `default` and from the global variables."""
        found = self.values.get("inherit")
        return found if isinstance(found, Inherit) else _INHERIT_ALL

    @property
    def when(self) -> str:
        """When the job starts: what the rule that decided says, else what the job says.

        Source: docs.gitlab.com/ci/yaml/#ruleswhen
        """
        when: str = (
            (self.rule.when if self.rule is not None else None) or self.values.get("when") or "on_success"
        )
        return when

    @property
    def needs_spec(self) -> NeedsSpec | None:
        """The needs in force: those of the rule that decided, else the job's own.

        Source: docs.gitlab.com/ci/yaml/#rulesneeds
        """
        if self.rule is not None and self.rule.needs is not None:
            return self.rule.needs
        needs: NeedsSpec | None = self.values.get("needs")
        return needs

    @property
    def needs(self) -> tuple[NeedSpec, ...] | None:
        """The jobs of this pipeline that are needed; None when the job waits for its stage.

        A job that only takes artifacts from other pipelines waits for nothing; one that only mirrors another
        pipeline waits for its stage.
        Source: GitLab, lib/gitlab/ci/config/entry/job.rb and bridge.rb, scheduling_type
        """
        spec = self.needs_spec
        if spec is None or (not spec.jobs and any(need.job is None for need in spec.cross)):
            return None
        return spec.jobs


def read_defaults(session: Session, root: Map, at: At) -> dict[str, Any]:
    """`default`, together with the older keywords at the top that mean the same.

    Source: docs.gitlab.com/ci/yaml/#default, docs.gitlab.com/ci/yaml/deprecated_keywords/
    """
    body = root.get("default")
    defaults: dict[str, Any] = {}
    if isinstance(body, Map):
        defaults = read_keywords(session, body, root.at("default", at), "default")
    elif body is not None:
        session.report.error(f"default must be a map, not {describe(body)}.", root.at("default", at))
    older = Map(root.mark)
    for key in GLOBAL_DEFAULTS:
        if root.get(key) is None:
            continue
        if isinstance(body, Map) and body.get(key) is not None:
            text = f"{key} is written both at the top and in default. Keep the one in default."
            session.report.error(text, root.at_key(key, at))
        older.put(key, root[key], root.marks[key])
    if defaults.pop("timeout", None) is not None and isinstance(body, Map):
        text = "default:timeout has no effect, as in GitLab. Write it in the jobs, or in a hidden job that they extend."
        session.report.warning(text, body.at_key("timeout", root.at("default", at)))
    return {**read_keywords(session, older, at, "default"), **defaults}


def read_jobs(
    session: Session, root: Map, at: At, defaults: dict[str, Any], stages: Mapping[str, int]
) -> list[JobDraft]:
    """All visible jobs, in file order. Names that begin with a dot are templates.

    Source: docs.gitlab.com/ci/jobs/#hide-a-job
    """
    drafts: list[JobDraft] = []
    for name, body in root.items():
        if name in GLOBALS or name.startswith("."):
            continue
        place = entry_at(root, name, at)
        if not isinstance(body, Map):
            _not_a_job(session, name, body, At(at, name, place.mark))
            continue
        draft = _read_job(session, name, body, place, defaults, stages)
        if draft is not None:
            drafts.append(draft)
    return drafts


def _not_a_job(session: Session, name: str, body: Any, at: At) -> None:
    hint = session.report.did_you_mean(name, GLOBALS)
    kind = "a list" if isinstance(body, Seq) else describe(body)
    session.report.error(
        f"'{name[:60]}' is neither a keyword nor a job. A job must be a map with a script, "
        f"and this is {kind}.{hint}",
        at,
        "unknown_keyword",
    )


def _read_job(
    session: Session, name: str, body: Map, at: At, defaults: dict[str, Any], stages: Mapping[str, int]
) -> JobDraft | None:
    limit = session.limits.name_length
    if not name.strip() or len(name) > limit:
        session.report.error(f"The name of a job must have 1 to {limit} characters.", at)
        return None
    values = read_keywords(session, body, at, "job")
    check_job(session, values, body, at)
    _check_publish(session, name, values, body, at)
    stage = values.get("stage") or DEFAULT_STAGE
    if (name, stage) == _TAKEN:
        text = "A job of the stage deploy cannot be called pages:deploy, since GitLab makes one of that name."
        session.report.error(text, at)
    if stage not in stages:
        _unknown_stage(session, stage, body, at, stages)
    draft = JobDraft(name, at, body, values, stage, name)
    if defaults and "trigger" not in values and not mirrors(values):
        choice = draft.inherit.default
        for key, value in defaults.items():
            if key not in values and takes(choice, key):
                values[key] = value
    return draft


def _check_publish(session: Session, name: str, values: dict[str, Any], body: Map, at: At) -> None:
    """`publish` belongs to jobs that publish a site.

    Source: GitLab, lib/gitlab/ci/config/entry/job.rb
    """
    if "publish" not in values:
        return
    pages = values.get("pages")
    if not pages and (name != "pages" or pages is not None):
        text = "publish works in jobs with pages only. Write pages: {publish: FOLDER} instead."
        session.report.error(text, body.at_key("publish", at))


def _unknown_stage(session: Session, stage: str, body: Map, at: At, stages: Mapping[str, int]) -> None:
    known = quote_list(stages)
    if body.get("stage") is None:
        text = (
            f"The job has no stage, so it belongs to '{stage}', which is not in stages. Give it one: {known}."
        )
        session.report.error(text, at)
        return
    hint = session.report.did_you_mean(stage, stages)
    text = f"The stage '{stage}' does not exist. Add it to stages, or use {known}.{hint}"
    session.report.error(text, body.at("stage", at))
