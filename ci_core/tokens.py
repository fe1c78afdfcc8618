"""Tokens: made once and kept as digests, except job tokens, which are derived and kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from django.conf import settings

from ci_core.models import Job

PERSONAL_PREFIX: Final = "glpat-"
#: The runner looks for exactly this prefix to tell an authentication token from a registration token.
RUNNER_PREFIX: Final = "glrt-"
REGISTRATION_PREFIX: Final = "GR1348941"
JOB_PREFIX: Final = "glcbt-"
TRIGGER_PREFIX: Final = "glptt-"


def new_token(prefix: str) -> str:
    """A fresh random token (20 bytes) with the given prefix."""
    return prefix + secrets.token_urlsafe(20)


def digest(token: str) -> str:
    """What is stored of a token. A plain hash will do: tokens are random, not chosen by people."""
    return hashlib.sha256(token.encode()).hexdigest()


def job_token(job: Job) -> str:
    """The token of a job while (and after) this attempt runs: derived from the server's key, so never stored."""
    return _job_token(job.pk, job.attempt)


def _job_token(job_id: int, attempt: int) -> str:
    key = settings.SECRET_KEY.encode()
    mac = hmac.new(key, f"job-token:{job_id}:{attempt}".encode(), hashlib.sha256).hexdigest()
    return f"{JOB_PREFIX}{job_id:x}-{mac[:40]}"


def job_id_of(token: str) -> int | None:
    """The job that a token claims to belong to; None if it has not the form of a job token."""
    body = token.removeprefix(JOB_PREFIX)
    claimed, dash, _ = body.partition("-")
    if body == token or not dash or not 0 < len(claimed) <= 14:
        return None
    try:
        return int(claimed, 16)
    except ValueError:
        return None


def is_token_of(token: str, job: Job) -> bool:
    """Whether this is the job's token, compared in constant time."""
    return hmac.compare_digest(token.encode(), job_token(job).encode())
