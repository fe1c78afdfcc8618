"""The form of a stage's tally (`Stage.tally`): how many of its latest jobs are alike in what processing asks of them.

JSON, a number by key. The statement that moves jobs makes keys, processing reads them, `ci_check` makes them anew.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from ci_core.decisions.composite import Counted, counted
from ci_core.decisions.snapshots import StageSnapshot
from ci_core.statuses import SchedulingType, Status

if TYPE_CHECKING:
    from ci_core.models import Job

#: A job's key, in SQL.
KEY: Final = "concat_ws('/', status, allow_failure::int, scheduling_type)"


def key_of(job: Job) -> str:
    """A job's key, of its row."""
    return f"{job.status}/{int(job.allow_failure)}/{job.scheduling_type}"


def read(stored: str, tally: str) -> StageSnapshot:
    """A stage by its stored status and its tally."""
    found: Counter[Status | Counted] = Counter()
    waiting = 0
    for key, number in json.loads(tally).items():
        status, allow_failure, scheduling_type = key.split("/")
        found[counted(Status(status), allow_failure == "1")] += number
        if status == Status.CREATED and scheduling_type == SchedulingType.STAGE:
            waiting += number
    return StageSnapshot(Status(stored), found, waiting)
