"""Owns workflow and stages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.keywords.reading import items, read_map, read_text, wrong
from ci_core.compiler.keywords.rules import AutoCancel, RuleSpec, parse_auto_cancel, parse_workflow_rules
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Seq

PRE, POST = ".pre", ".post"
DEFAULT_STAGES = (PRE, "build", "test", "deploy", POST)
DEFAULT_STAGE = "test"
NO_AUTO_CANCEL = AutoCancel()


@dataclass(frozen=True, slots=True)
class WorkflowSpec:
    """`workflow` as written. `rules` is None when there are none."""

    name: str | None = None
    rules: tuple[RuleSpec, ...] | None = None
    auto_cancel: AutoCancel = NO_AUTO_CANCEL


def parse_workflow(session: Session, value: Any, at: At) -> WorkflowSpec:
    """Source: docs.gitlab.com/ci/yaml/#workflow"""
    options = read_map(session, value, at, "workflow", ("name", "rules", "auto_cancel"))
    if options is None:
        return WorkflowSpec()
    name = rules = auto_cancel = None
    if options.get("name") is not None:
        name = read_text(session, options["name"], options.at("name", at), "workflow:name", 255)
    if options.get("rules") is not None:
        rules = parse_workflow_rules(session, options["rules"], options.at("rules", at))
    if options.get("auto_cancel") is not None:
        auto_cancel = parse_auto_cancel(session, options["auto_cancel"], options.at("auto_cancel", at))
    return WorkflowSpec(name, rules, auto_cancel or NO_AUTO_CANCEL)


def parse_stages(session: Session, value: Any, at: At) -> tuple[str, ...]:
    """The names of the stages; `.pre` comes first and `.post` last, written or not.

    Source: docs.gitlab.com/ci/yaml/#stages, docs.gitlab.com/ci/yaml/#stage-pre
    """
    if value is None:
        return DEFAULT_STAGES
    if not isinstance(value, Seq):
        wrong(session, at, "stages", "a list of names", value)
        return DEFAULT_STAGES
    names: dict[str, None] = {}
    for item, place in items(session, value, at):
        text = str(item) if isinstance(item, int) and not isinstance(item, bool) else item
        name = read_text(session, text, place, "Each stage", session.limits.name_length)
        if name is not None and name not in (PRE, POST):
            names[name] = None
    return (PRE, *names, POST) if names else DEFAULT_STAGES
