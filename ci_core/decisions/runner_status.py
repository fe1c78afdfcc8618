"""Whether a runner, or a machine of one, can be reached."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: One that called within this time is online. Source: GitLab, Ci::Runner.
ONLINE_FOR: Final = timedelta(hours=2)
#: One that has not called for this time is stale. Source: GitLab, Ci::Runner.
STALE_AFTER: Final = timedelta(days=7)


class RunnerStatus(StrEnum):
    """What is told of a runner; never two of them at once."""

    ONLINE = "online"
    OFFLINE = "offline"
    STALE = "stale"
    NEVER_CONTACTED = "never_contacted"


def runner_status(contacted_at: datetime | None, created_at: datetime, now: datetime) -> RunnerStatus:
    """The status at `now` of what was made at `created_at` and called last at `contacted_at`."""
    if contacted_at is not None and contacted_at > now - ONLINE_FOR:
        return RunnerStatus.ONLINE
    if max(contacted_at or created_at, created_at) < now - STALE_AFTER:
        return RunnerStatus.STALE
    return RunnerStatus.NEVER_CONTACTED if contacted_at is None else RunnerStatus.OFFLINE
