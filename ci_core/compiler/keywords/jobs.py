"""Owns the table of job keywords, and reading one job by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.inputs.jobs import parse_job_inputs
from ci_core.compiler.keywords.artifacts import parse_artifacts
from ci_core.compiler.keywords.caches import parse_cache
from ci_core.compiler.keywords.control import (
    parse_allow_failure,
    parse_coverage,
    parse_interruptible,
    parse_manual_confirmation,
    parse_retry,
    parse_stage,
    parse_start_in,
    parse_tags,
    parse_timeout,
    parse_when,
)
from ci_core.compiler.keywords.environments import parse_environment, parse_resource_group
from ci_core.compiler.keywords.handed_on import (
    parse_dast_configuration,
    parse_id_tokens,
    parse_pages,
    parse_publish,
    parse_release,
    parse_secrets,
)
from ci_core.compiler.keywords.images import parse_image, parse_services
from ci_core.compiler.keywords.inherit import DEFAULT_KEYWORDS, parse_inherit
from ci_core.compiler.keywords.needs import parse_dependencies, parse_needs
from ci_core.compiler.keywords.parallel import parse_parallel
from ci_core.compiler.keywords.policies import parse_policy
from ci_core.compiler.keywords.reading import report_unknown, report_unsupported
from ci_core.compiler.keywords.rules import parse_rules
from ci_core.compiler.keywords.scripts import (
    parse_after_script,
    parse_before_script,
    parse_hooks,
    parse_script,
)
from ci_core.compiler.keywords.triggers import TRIGGER_KEYWORDS, TRIGGER_WHENS, parse_trigger
from ci_core.compiler.keywords.variables import parse_job_variables
from ci_core.compiler.session import KeywordTable, Session
from ci_core.compiler.tree import Map, Seq

# Source: docs.gitlab.com/ci/yaml/#job-keywords
JOB_KEYWORDS: KeywordTable = {
    "after_script": parse_after_script,
    "allow_failure": parse_allow_failure,
    "artifacts": parse_artifacts,
    "before_script": parse_before_script,
    "cache": parse_cache,
    "coverage": parse_coverage,
    "dast_configuration": parse_dast_configuration,
    "dependencies": parse_dependencies,
    "environment": parse_environment,
    "except": parse_policy,
    "hooks": parse_hooks,
    "id_tokens": parse_id_tokens,
    "image": parse_image,
    "inherit": parse_inherit,
    "inputs": parse_job_inputs,
    "interruptible": parse_interruptible,
    "manual_confirmation": parse_manual_confirmation,
    "needs": parse_needs,
    "only": parse_policy,
    "pages": parse_pages,
    "parallel": parse_parallel,
    "publish": parse_publish,
    "release": parse_release,
    "resource_group": parse_resource_group,
    "retry": parse_retry,
    "rules": parse_rules,
    "script": parse_script,
    "secrets": parse_secrets,
    "services": parse_services,
    "stage": parse_stage,
    "start_in": parse_start_in,
    "tags": parse_tags,
    "timeout": parse_timeout,
    "trigger": parse_trigger,
    "variables": parse_job_variables,
    "when": parse_when,
}

UNSUPPORTED = {
    "identity": "Take it out, declare a token under id_tokens, and let the script exchange that for the identity.",
    "run": "Write the commands of its steps under script, and take it out.",
}

# Source: docs.gitlab.com/ci/yaml/#rules
_RULES_EXCLUDE = {"start_in": "Write it in the rule.", "only": "Keep rules.", "except": "Keep rules."}


def read_keywords(session: Session, body: Map, at: At, owner: str) -> dict[str, Any]:
    """The keywords of a job or of `default`, checked. A keyword set to null counts as not written.

    Values shared through anchors and extends are read once.
    Source: docs.gitlab.com/ci/yaml/yaml_optimization/#exclude-a-key-from-extends
    """
    known = JOB_KEYWORDS if owner != "default" else {key: JOB_KEYWORDS[key] for key in DEFAULT_KEYWORDS}
    found: dict[str, Any] = {}
    for key, value in body.items():
        parser = known.get(key)
        if parser is None:
            _refuse(session, body, key, at, owner)
        elif value is None:
            continue
        elif isinstance(value, (Map, Seq)):
            memory = (key, id(value))
            cached = session.parsed.get(memory)
            if cached is None:
                cached = session.parsed[memory] = (parser(session, value, body.at(key, at)), value)
            found[key] = cached[0]
        else:
            found[key] = parser(session, value, body.at(key, at))
    return found


def _refuse(session: Session, body: Map, key: str, at: At, owner: str) -> None:
    if body[key] is None and (key in UNSUPPORTED or key in JOB_KEYWORDS):
        return
    place = body.at_key(key, at)
    if key in UNSUPPORTED and (owner != "default" or key == "identity"):
        report_unsupported(session, key, UNSUPPORTED[key], place)
        return
    if owner == "default" and key in JOB_KEYWORDS:
        text = f"'{key}' cannot have a default. Write it in the jobs, or in a hidden job that they extend."
        session.report.error(text, place, "unknown_keyword")
        return
    known = DEFAULT_KEYWORDS if owner == "default" else (*JOB_KEYWORDS, *UNSUPPORTED, "extends")
    report_unknown(session, owner, key, known, place)


def check_job(session: Session, job: dict[str, Any], body: Map, at: At) -> None:
    """The rules that bind several keywords of one job."""
    report = session.report
    if body.get("trigger") is not None:
        _check_trigger(session, job, body, at)
    elif mirrors(job):
        _check_mirror(session, job, body, at)
        return
    if not body.broken and all(body.get(key) is None for key in ("script", "trigger", "run")):
        text = "The job has no script. Give it one, or begin its name with a dot if it is only a template."
        report.error(text, at)
    when = job.get("when")
    if "rules" in job:
        for key, advice in _RULES_EXCLUDE.items():
            if key in job:
                report.error(f"{key} does not go together with rules. {advice}", body.at_key(key, at))
    elif when == "delayed" and body.get("start_in") is None:
        report.error("when: delayed needs start_in, such as start_in: 30 minutes.", body.at("when", at))
    elif "start_in" in job and when != "delayed":
        report.error("start_in needs when: delayed.", body.at_key("start_in", at))
    if "manual_confirmation" in job and "rules" not in job and when != "manual":
        text = "manual_confirmation has no effect without when: manual."
        report.warning(text, body.at_key("manual_confirmation", at))


def mirrors(job: Mapping[str, Any]) -> bool:
    """Whether a job does nothing but mirror the newest pipeline of a project.

    Source: docs.gitlab.com/ci/yaml/#needspipeline
    """
    needs = job.get("needs")
    return needs is not None and needs.mirrored is not None


def _check_mirror(session: Session, job: dict[str, Any], body: Map, at: At) -> None:
    """Source: docs.gitlab.com/ci/yaml/#needspipeline"""
    for key in body:
        if key not in TRIGGER_KEYWORDS and key in JOB_KEYWORDS and body[key] is not None:
            text = (
                f"{key} does not go together with needs:pipeline without job. Such a job runs nothing itself."
            )
            session.report.error(text, body.at_key(key, at))
    if job.get("when") not in (None, *TRIGGER_WHENS):
        text = f"when: {job['when']} does not go together with needs:pipeline without job."
        session.report.error(text, body.at("when", at))
    if any(rule.needs is not None for rule in job.get("rules") or ()):
        text = "rules:needs does not go together with needs:pipeline without job."
        session.report.error(text, body.at("rules", at))
    _check_bridge(session, job, body, at)


def _check_trigger(session: Session, job: dict[str, Any], body: Map, at: At) -> None:
    """Source: docs.gitlab.com/ci/yaml/#trigger"""
    for key in body:
        if key not in TRIGGER_KEYWORDS and key in JOB_KEYWORDS and body[key] is not None:
            text = f"{key} does not go together with trigger. A job with trigger runs nothing itself."
            session.report.error(text, body.at_key(key, at))
    if job.get("when") not in (None, *TRIGGER_WHENS):
        text = f"when: {job['when']} does not go together with trigger."
        session.report.error(text, body.at("when", at))
    needs = job.get("needs")
    if needs is not None and needs.cross:
        text = "Needs of other pipelines do not go together with trigger."
        session.report.error(text, body.at("needs", at))
    _check_bridge(session, job, body, at)


def _check_bridge(session: Session, job: dict[str, Any], body: Map, at: At) -> None:
    """What jobs that run nothing themselves do not take, though other jobs do.

    Source: GitLab, lib/gitlab/ci/config/entry/bridge.rb
    """
    allowed, parallel = job.get("allow_failure"), job.get("parallel")
    if allowed is not None and allowed.exit_codes:
        text = "allow_failure:exit_codes needs a script. Write allow_failure: true or false."
        session.report.error(text, body.at("allow_failure", at))
    if isinstance(parallel, int):
        text = "parallel must be a map with matrix where the job has no script."
        session.report.error(text, body.at("parallel", at))
