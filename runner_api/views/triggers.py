"""Owns the path on which trigger tokens and job tokens create pipelines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.multipartparser import MultiPartParserError

from ci_core.actions.trigger_tokens import trigger_pipeline
from ci_core.errors import CiError, Forbidden, JobNotRunning, NotFound, TooManyTries
from ci_core.models import Pipeline
from runner_api.errors import Refused
from runner_api.http import endpoint, read_fields
from runner_api.wire import responses, triggers
from runner_api.wire.fields import Fields

#: The webhook that tells of pipelines: one that created pipelines would never end
#: (https://docs.gitlab.com/ci/triggers/#403-forbidden-when-you-trigger-a-pipeline-with-a-webhook).
PIPELINE_HOOK: Final = "Pipeline Hook"
_AS_SENT: Final = re.compile(r".*/projects/([^/]+)(?:/ref/(.+))?/trigger/pipeline")


def _trigger(request: HttpRequest, project: str, ref: str | None = None) -> HttpResponse:
    """201 with the pipeline. 404 tells neither whether the token is known nor whether the project is there."""
    if request.headers.get("X-Gitlab-Event") == PIPELINE_HOOK:
        raise Refused(403, "403 Forbidden")
    project, ref = _as_sent(request, project, ref or "")
    asked = triggers.trigger_request(project, ref, Fields.of_form(request.GET), _body(request))
    try:
        pipeline = trigger_pipeline(asked, address=request.META.get("REMOTE_ADDR"))
    except NotFound:
        raise Refused(404, "404 Not Found") from None
    except JobNotRunning:
        raise Refused(401, "The job token is not that of a running job.") from None
    except (Forbidden, TooManyTries):
        raise
    except CiError as error:
        return _not_created(error.message)
    if pipeline.failure_reason:
        return _not_created(*_config_errors(pipeline))
    return responses.json(201, triggers.pipeline(pipeline))


def _as_sent(request: HttpRequest, project: str, ref: str) -> tuple[str, str]:
    """Project and ref. The path as it was sent tells the slashes of their names, which are encoded, from its own."""
    if isinstance(request, ASGIRequest):
        sent = _AS_SENT.fullmatch(request.scope.get("raw_path", b"").decode("latin-1"))
        if sent is not None:
            return unquote(sent[1]), unquote(sent[2] or "")
    return project, ref


def _body(request: HttpRequest) -> Fields:
    if request.content_type == "multipart/form-data":
        return Fields.of_form(_form(request))
    return read_fields(request)


def _form(request: HttpRequest) -> QueryDict:
    """The fields of a multipart form; files are left out. Raises Refused."""
    # Django takes a body that comes in chunks, without a length, for an empty one.
    request.META["CONTENT_LENGTH"] = request.META.get("CONTENT_LENGTH") or "1"
    try:
        return request.POST
    except MultiPartParserError as error:
        raise Refused(400, f"The form cannot be read: {error}.") from None


def _not_created(*why: str) -> HttpResponse:
    """Why there is no pipeline, in the form in which GitLab tells it."""
    return responses.json(400, {"message": {"base": why}})


def _config_errors(pipeline: Pipeline) -> list[str]:
    """The errors of its configuration, each with its place."""
    return [": ".join([*_place(found), str(found["message"])]) for found in pipeline.config_errors]


def _place(found: Mapping[str, Any]) -> list[str]:
    return [f"{found['file']}:{found.get('line') or 1}"] if found.get("file") else []


trigger = endpoint(POST=_trigger)
