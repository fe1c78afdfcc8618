"""Whether a failed job runs again by itself (https://docs.gitlab.com/ci/yaml/#retry)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ci_core.statuses import FailureReason

#: Reasons for which no job runs again by itself, whatever its `retry` says: nothing would have changed.
#: Source: GitLab's lib/gitlab/ci/build/auto_retry.rb.
_NEVER: Final = frozenset(
    {
        FailureReason.NO_MATCHING_RUNNER,
        FailureReason.MISSING_DEPENDENCY_FAILURE,
        FailureReason.FAILED_OUTDATED_DEPLOYMENT_JOB,
    }
)


def retries_itself(retry: Mapping[str, Any], done: int, reason: str, exit_code: int | None) -> bool:
    """Whether to run a failed job again.

    retry: `max` (times), `when` (reasons) and `exit_codes` of the job's `retry`. done: copies that were retried
    already. When `when` or `exit_codes` is given, the reason or the exit code must be among them.
    """
    if done >= int(retry.get("max") or 0) or reason in _NEVER:
        return False
    when = list(retry.get("when") or [])
    codes = list(retry.get("exit_codes") or [])
    if not when and not codes:
        return True
    return "always" in when or reason in when or (exit_code is not None and exit_code in codes)


def failure_is_allowed(by_keyword: bool, exit_codes: list[int], exit_code: int | None) -> bool:
    """Whether a failure with this exit code leaves the pipeline passing.

    With `allow_failure:exit_codes` only those codes do (https://docs.gitlab.com/ci/yaml/#allow_failureexit_codes).
    """
    return exit_code in exit_codes if exit_codes else by_keyword
