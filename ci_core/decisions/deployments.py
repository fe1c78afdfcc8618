"""Whether a deployment may go ahead, and when its environment stops by itself."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Deployed:
    """A deployment, as far as its age counts. id: rises with age from old to new."""

    id: int
    sha: str


@dataclass(frozen=True, slots=True)
class Protection:
    """Who may deploy to a protected environment. least_level: None: no role alone is enough."""

    least_level: int | None
    user_ids: Collection[int]


def is_outdated(candidate: Deployed, newest_success: Deployed | None) -> bool:
    """Whether a deployment would put something older in the place of what is deployed.

    The same commit once more is not older. A retry is a deployment of its own, newer than all before it: that is how to
    roll back (https://docs.gitlab.com/ci/environments/deployment_safety/#prevent-outdated-deployment-jobs).
    """
    return (
        newest_success is not None
        and newest_success.sha != candidate.sha
        and candidate.id < newest_success.id
    )


def may_deploy(protection: Protection | None, *, user_id: int | None, level: int, is_admin: bool) -> bool:
    """Whether somebody with this role may deploy; level 0 is no member.

    Named users must still be members (https://docs.gitlab.com/ci/environments/protected_environments/).
    """
    if protection is None or is_admin:
        return True
    if user_id is None or level == 0:
        return False
    by_role = protection.least_level is not None and level >= protection.least_level
    return by_role or user_id in protection.user_ids


def allowed_words(role: str | None, usernames: Collection[str]) -> str:
    """Who may deploy to a protected environment. role: the least one that is enough, in words; None: none is."""
    allowed = [f"the role {role} or above"] if role is not None else []
    allowed += sorted(usernames)
    return f"allowed are {', '.join(allowed)}" if allowed else "only administrators may"


def auto_stop_at(auto_stop_in: int | None, now: datetime) -> datetime | None:
    """When an environment stops by itself, counted from now; None: never."""
    return None if auto_stop_in is None else now + timedelta(seconds=auto_stop_in)
