"""Owns what runners are answered: JSON, the headers that steer a job, and the messages of refusals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from django.http import HttpResponse

from ci_core.models import Runner
from ci_core.statuses import Status

JSON: Final = "application/json"
#: Seconds between two pieces of a log.
TRACE_UPDATE_INTERVAL: Final = 3
#: `Job-Status` for somebody who has not shown the job's token, who is told nothing of the job; ends it for a runner.
UNKNOWN_STATUS: Final = Status.FAILED.value


def json(status: int, content: Any, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(orjson.dumps(content), status=status, content_type=JSON, headers=headers)


def message(status: int, text: str, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """An answer that says why; runners print it."""
    return json(status, {"message": text}, headers)


def nothing(headers: Mapping[str, str] | None = None) -> HttpResponse:
    """204: done, or nothing there."""
    return HttpResponse(status=204, headers=headers)


def credentials(status: int, runner: Runner, token: str) -> HttpResponse:
    """A runner's id and token. The token never expires, so no runner rotates it by itself."""
    return json(status, {"id": runner.pk, "token": token, "token_expires_at": None})


def job_status(status: str) -> dict[str, str]:
    """The header by which a runner learns that its job is `canceling`, `canceled` or over."""
    return {"Job-Status": status}


def steering(status: str) -> dict[str, str]:
    """The headers of an answer to a report or a piece of a log."""
    return {**job_status(status), "X-GitLab-Trace-Update-Interval": str(TRACE_UPDATE_INTERVAL)}


def stored(size: int) -> dict[str, str]:
    """How much of a log is stored: runners go on at the number after the dash."""
    return {"Range": f"0-{size}"}


def queue_seen(marker: str) -> dict[str, str]:
    """The header that the runner sends back as `last_update` with its next poll."""
    return {"X-GitLab-Last-Update": marker}
