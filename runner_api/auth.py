"""Owns who is calling: a runner, a job, a person with a token, or git on behalf of one of them."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from django.http import HttpRequest

from ci_core import tokens
from ci_core.access import (
    Principal,
    access_project,
    anonymous,
    job_by_token,
    personal_token_principal,
    signed_in,
)
from ci_core.actions.signing_in import sign_in
from ci_core.errors import Forbidden, NotFound
from ci_core.models import Job, Project, Runner, Visibility
from ci_core.statuses import ON_RUNNER, AccessLevel
from runner_api.errors import Refused
from runner_api.wire import responses
from runner_api.wire.fields import Fields

#: Longest token that is looked up, characters.
MAX_TOKEN: Final = 255
_JOB_REFUSED: Final = "The job token is not that of this job."


def runner_of(request: HttpRequest, fields: Fields) -> Runner:
    """The runner whose token is in the body or the header. Raises Refused (403)."""
    token = fields.text("token", MAX_TOKEN) or request.headers.get("Runner-Token", "")
    found = Runner.objects.filter(digest=tokens.digest(token)) if token else Runner.objects.none()
    runner: Runner | None = found.first()
    if runner is None:
        raise Refused(403, "The runner token is not known here.")
    return runner


def registration_token(request: HttpRequest, fields: Fields) -> str:
    """The registration token in the body or the header. Raises Refused (403) when there is none."""
    token = fields.text("token", MAX_TOKEN) or request.headers.get("Runner-Token", "")
    if not token:
        raise Refused(403, "A registration token is needed.")
    return token


def job_of(request: HttpRequest, job_id: int, fields: Fields | None = None) -> Job:
    """The job, whatever its status, for whoever shows its token, in the header or in the body.

    Raises Refused (403) for another token, also for that of another job. The `Job-Status` of that answer tells
    nothing of the job.
    """
    token = request.headers.get("Job-Token", "")
    if not token and fields is not None:
        token = fields.text("token", MAX_TOKEN)
    job = job_by_token(token)
    if job is None or job.pk != job_id:
        raise Refused(403, _JOB_REFUSED, responses.job_status(responses.UNKNOWN_STATUS))
    return job


def running_job_of(request: HttpRequest, job_id: int) -> Job:
    """As `job_of`, for a job that is on a runner. Raises Refused (403) with the `Job-Status` for any other."""
    job = job_of(request, job_id)
    if job.status not in ON_RUNNER:
        raise over(job)
    return job


def over(job: Job) -> Refused:
    """The refusal for a job that is not running any more."""
    status = Job.objects.by_ids([job.pk]).values_list("status", flat=True).get()
    return Refused(403, f"The job is not running any more, it is {status}.", responses.job_status(status))


def may_upload(job_id: int, token: str) -> bool:
    """Whether this is the token of this job, and the job is running."""
    job = job_by_token(token)
    return job is not None and job.pk == job_id and job.status in ON_RUNNER


def shown_token(request: HttpRequest) -> str:
    """A personal access token: the header PRIVATE-TOKEN, or a bearer token; empty when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return request.headers.get("Private-Token", "") or bearer


def person_of(request: HttpRequest, *, unknown: int = 401) -> Principal:
    """Whoever shows a personal access token. Raises Refused: 401 for none, `unknown` for one that is not valid."""
    token = shown_token(request)
    if not token:
        raise Refused(401, "A personal access token is needed in the header PRIVATE-TOKEN.")
    principal = personal_token_principal(token)
    if principal is None:
        raise Refused(unknown, "The personal access token is not valid.")
    return principal


def runner_to_reset(request: HttpRequest, runner_id: int) -> Runner:
    """The runner, for an administrator or its creator. Raises Refused (401, 403), NotFound and Forbidden."""
    principal = person_of(request, unknown=403)
    runner: Runner | None = Runner.objects.filter(pk=runner_id).first()
    if runner is None:
        raise NotFound("There is no such runner.")
    user = principal.user
    if user is None or not principal.may_write:
        raise Forbidden("Your token's scope allows reading only: use one with the scope api.")
    if not user.is_superuser and runner.creator_id != user.pk:
        raise Forbidden("Only an administrator or whoever created the runner may reset its token.")
    return runner


def project_for_git(request: HttpRequest, full_path: str) -> Project:
    """The project that git may fetch from with the credentials it shows.

    Raises Refused (401), the same for wrong credentials, a private project and one that does not exist;
    TooManyTries for passwords that are guessed; Forbidden for a guest of a private project, who sees it, but not its
    code (https://docs.gitlab.com/user/permissions/#repository).
    """
    refused = Refused(
        401,
        "There is no such repository, or it needs other credentials.",
        {"WWW-Authenticate": 'Basic realm="Pipeyard"'},
    )
    if "\0" in full_path:
        raise refused
    user_name, password = _basic(request)
    if not user_name and not password:
        caller = anonymous()
    else:
        job = job_by_token(password)
        if job is not None:
            project = Project.objects.get(pk=job.project_id)
            if job.status not in ON_RUNNER or project.full_path != full_path:
                raise refused
            return project
        found = personal_token_principal(password) or _password_principal(request, user_name, password)
        if found is None:
            raise refused
        caller = found
    try:
        project = access_project(full_path, caller)
    except NotFound:
        raise refused from None
    if project.visibility == Visibility.PRIVATE and caller.level_in(project.pk) < AccessLevel.REPORTER:
        raise Forbidden("Fetching from a private project takes the Reporter role.")
    return project


def _basic(request: HttpRequest) -> tuple[str, str]:
    """User name and password of Basic authentication; empty when there are none, or none that can be read."""
    scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        decoded = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return "?", ""
    user_name, _, password = decoded.replace("\0", "").partition(":")
    return user_name, password


def _password_principal(request: HttpRequest, user_name: str, password: str) -> Principal | None:
    """Who signs in with a user name and a password. Raises TooManyTries."""
    if not user_name or not password or len(password) > MAX_TOKEN:
        return None
    if password.startswith((tokens.PERSONAL_PREFIX, tokens.JOB_PREFIX)):
        # A token that is not valid any more, as jobs that have ended send: nobody guesses passwords with it.
        return None
    user = sign_in(user_name, password, address=request.META.get("REMOTE_ADDR"), request=request)
    return signed_in(user) if user is not None else None
