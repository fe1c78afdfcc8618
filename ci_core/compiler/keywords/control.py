"""Owns the keywords that steer a job: when, allow_failure, retry, timeout, tags, parallel and the like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ci_core.compiler.diagnostics import At
from ci_core.compiler.durations import parse_duration
from ci_core.compiler.expressions.patterns import check_pattern
from ci_core.compiler.keywords.reading import (
    items,
    read_bool,
    read_choice,
    read_int,
    read_map,
    read_text,
    read_texts,
    wrong,
)
from ci_core.compiler.session import Session
from ci_core.compiler.tree import Map, Seq
from ci_core.statuses import FailureReason

JOB_WHENS = ("on_success", "on_failure", "always", "manual", "delayed")
_WEEK = 604_800
# GitLab takes all its reasons of failure, also those that its page does not list.
# Source: docs.gitlab.com/ci/yaml/#retrywhen; GitLab, lib/gitlab/ci/config/entry/retry.rb
_RETRY_WHENS = tuple(
    dict.fromkeys((
        "always", "unknown_failure", "script_failure", "api_failure", "stuck_or_timeout_failure",
        "runner_system_failure", "runner_unsupported", "stale_schedule", "job_execution_timeout",
        "archived_failure", "unmet_prerequisites", "scheduler_failure", "data_integrity_failure",
        "runner_configuration_error", "runner_external_dependency_failure", "runner_interrupted",
        "stuck_pending_no_matching_runners", "stuck_pending_with_matching_runners",
        "no_updates_canceling", "no_updates_running",
        "server_timeout_canceling", "server_timeout_running",
        "forward_deployment_failure", "insufficient_upstream_permissions", "bridge_pipeline_is_child_pipeline",
        "secrets_provider_not_found", "project_deleted", "user_blocked", "ci_quota_exceeded", "builds_disabled",
        "environment_creation_failure", "deployment_rejected", "ip_restriction_failure",
        "reached_downstream_pipeline_trigger_rate_limit",
        *(reason.value for reason in FailureReason),
    ))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class AllowFailure:
    """Whether a job may fail, always or with certain exit codes only."""

    allowed: bool
    exit_codes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and after which failures a job is tried again."""

    max: int = 0
    when: tuple[str, ...] = ()
    exit_codes: tuple[int, ...] = ()


def parse_when(session: Session, value: Any, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#when"""
    if value == "never":
        session.report.error("when: never works inside rules only. Write it there, or take the job out.", at)
        return None
    return read_choice(session, value, at, "when", JOB_WHENS)


def parse_start_in(session: Session, value: Any, at: At) -> int | None:
    """The delay of a job with `when: delayed`, at most a week.

    Source: docs.gitlab.com/ci/jobs/job_control/#run-a-job-after-a-delay
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    seconds = parse_duration(text) if isinstance(text, str) else None
    if seconds is None:
        wrong(session, at, "start_in", "a duration such as '30 minutes'", value)
        return None
    if seconds > _WEEK:
        session.report.error("start_in must be at most one week.", at)
        return None
    return seconds


def parse_allow_failure(session: Session, value: Any, at: At) -> AllowFailure | None:
    """Source: docs.gitlab.com/ci/yaml/#allow_failure"""
    if isinstance(value, bool):
        return AllowFailure(value)
    if not isinstance(value, Map):
        wrong(session, at, "allow_failure", "true, false or a map with exit_codes", value)
        return None
    options = read_map(session, value, at, "allow_failure", ("exit_codes",))
    if options is None or options.get("exit_codes") is None:
        session.report.error("allow_failure needs exit_codes, a number or a list of numbers.", at)
        return None
    codes = _exit_codes(session, options["exit_codes"], options.at("exit_codes", at), "allow_failure")
    return None if codes is None else AllowFailure(False, codes)


def parse_rule_allow_failure(session: Session, value: Any, at: At) -> AllowFailure | None:
    """`allow_failure` of a rule, which takes no exit codes.

    Source: docs.gitlab.com/ci/yaml/#rulesallow_failure
    """
    allowed = read_bool(session, value, at, "rules:allow_failure")
    return None if allowed is None else AllowFailure(allowed)


def _exit_codes(session: Session, value: Any, at: At, keyword: str) -> tuple[int, ...] | None:
    name = f"{keyword}:exit_codes"
    if isinstance(value, Seq):
        codes = [read_int(session, item, place, name, 0, 2**31) for item, place in items(session, value, at)]
    else:
        codes = [read_int(session, value, at, name, 0, 2**31)]
    found = tuple(code for code in codes if code is not None)
    return found if len(found) == len(codes) else None


def parse_retry(session: Session, value: Any, at: At) -> Retry | None:
    """Source: docs.gitlab.com/ci/yaml/#retry"""
    if not isinstance(value, Map):
        times = read_int(session, value, at, "retry", 0, 2)
        return None if times is None else Retry(times)
    options = read_map(session, value, at, "retry", ("max", "when", "exit_codes"))
    assert options is not None
    times = None
    if options.get("max") is not None:
        times = read_int(session, options["max"], options.at("max", at), "retry:max", 0, 2)
    whens: list[str] = []
    if options.get("when") is not None:
        place = options.at("when", at)
        listed = read_texts(session, options["when"], place, "retry:when", single=True) or []
        for word in listed:
            if read_choice(session, word, place, "retry:when", _RETRY_WHENS):
                whens.append(word)
    codes: tuple[int, ...] = ()
    if options.get("exit_codes") is not None:
        codes = _exit_codes(session, options["exit_codes"], options.at("exit_codes", at), "retry") or ()
    if times is None and (whens or codes):
        session.report.warning("retry has no max, so the job is not tried again. Add max: 1 or max: 2.", at)
    return Retry(times or 0, tuple(whens), codes)


def parse_timeout(session: Session, value: Any, at: At) -> int | None:
    """The seconds that a job may run, a month at most.

    Source: docs.gitlab.com/ci/yaml/#timeout; GitLab, Project::MAX_BUILD_TIMEOUT
    """
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    seconds = parse_duration(text) if isinstance(text, str) else None
    if not seconds:
        wrong(session, at, "timeout", "a duration such as '1 hour 30 minutes'", value)
        return None
    limit = session.limits.job_timeout
    if seconds > limit:
        text = f"timeout comes to {seconds} seconds, more than the limit of {limit} (job_timeout), a month."
        session.report.error(text, at, "limit")
        return None
    return seconds


def parse_interruptible(session: Session, value: Any, at: At) -> bool | None:
    """Source: docs.gitlab.com/ci/yaml/#interruptible"""
    return read_bool(session, value, at, "interruptible")


def parse_tags(session: Session, value: Any, at: At) -> tuple[str, ...] | None:
    """The tags, each once; blank ones are left out.

    Source: docs.gitlab.com/ci/yaml/#tags
    """
    tags = read_texts(session, value, at, "tags")
    if tags is None:
        return None
    limit = session.limits.tags_per_job
    if len(tags) >= limit:
        session.report.error(
            f"A job has {len(tags)} tags; there must be fewer than the limit of {limit} (tags_per_job).",
            at,
            "limit",
        )
        return None
    longest = session.limits.name_length
    if any(len(tag) > longest for tag in tags):
        session.report.error(
            f"A tag is longer than the limit of {longest} characters (name_length).", at, "limit"
        )
        return None
    return tuple({tag: None for tag in tags if tag.strip()})


def parse_coverage(session: Session, value: Any, at: At) -> str | None:
    """A regular expression between slashes that finds the coverage in the log.

    Source: docs.gitlab.com/ci/yaml/#coverage
    """
    text = read_text(session, value, at, "coverage")
    if text is None:
        return None
    if len(text) < 3 or not text.startswith("/") or not text.endswith("/"):
        session.report.error(
            f"coverage must be a regular expression between slashes, such as '/{text.strip('/')}/'.", at
        )
        return None
    problem = check_pattern(text[1:-1], "", session.limits.regex_length)
    if problem is not None:
        session.report.error(f"coverage: {problem}.", at, "expression")
        return None
    return text


def parse_stage(session: Session, value: Any, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#stage"""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    return read_text(session, text, at, "stage", session.limits.name_length)


def parse_manual_confirmation(session: Session, value: Any, at: At) -> str | None:
    """Source: docs.gitlab.com/ci/yaml/#manual_confirmation"""
    return read_text(session, value, at, "manual_confirmation")
