"""Owns the request for a pipeline as other systems and jobs send it, and the pipeline that they are answered.

Source: https://docs.gitlab.com/api/pipeline_triggers/#trigger-a-pipeline-with-a-token
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from django.conf import settings

from ci_core.actions.trigger_tokens import TriggerRequest
from ci_core.errors import InvalidInput
from ci_core.models import Pipeline, User
from runner_api.errors import Refused
from runner_api.wire.fields import Fields

#: Bytes of the request, as JSON without its token, that jobs get as TRIGGER_PAYLOAD.
PAYLOAD_LIMIT: Final = 1024 * 1024
MAX_TOKEN: Final = 255
#: Parameters that are keys, and so are told to no job.
_KEYS: Final = frozenset({"token", "private_token", "access_token", "job_token"})
_NESTED: Final = re.compile(r"([^\[\]]+)\[([^\[\]]+)\]")


def trigger_request(project: str, ref: str, query: Fields, body: Fields) -> TriggerRequest:
    """What is asked for. project and ref: as the path names them; else ref is a parameter.

    What is in the body wins over the query. Raises Refused (400, 413), InvalidInput.
    """
    project, ref = project.replace("\0", ""), ref.replace("\0", "")
    given = _merged(_nested(query.members()), _nested(body.members()))
    parameters = Fields(given)
    token = parameters.text("token", MAX_TOKEN)
    ref = ref or parameters.text("ref")
    for name, value in (("token", token), ("ref", ref)):
        if not value:
            raise Refused(400, f"{name} is missing")
    payload = _payload({"id": project, **given, "ref": ref})
    return TriggerRequest(project, token, ref, _variables(given), _inputs(given), payload)


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """The members of a form, those called `name[key]` gathered by name."""
    found: dict[str, Any] = {}
    for name, value in flat.items():
        parts = _NESTED.fullmatch(name)
        if parts is None:
            found[name] = value
            continue
        if not isinstance(found.get(parts[1]), dict):
            found[parts[1]] = {}
        found[parts[1]][parts[2]] = value
    return found


def _merged(weak: dict[str, Any], strong: dict[str, Any]) -> dict[str, Any]:
    both = weak.keys() & strong.keys()
    inner = {
        name: {**weak[name], **strong[name]}
        for name in both
        if isinstance(weak[name], dict) and isinstance(strong[name], dict)
    }
    return {**weak, **strong, **inner}


def _variables(given: Mapping[str, Any]) -> dict[str, str]:
    variables = given.get("variables") or {}
    if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
        raise InvalidInput("variables needs to be a map of key-valued strings")
    return variables


def _inputs(given: Mapping[str, Any]) -> dict[str, Any]:
    inputs = given.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise InvalidInput("inputs needs to be a map of values by name")
    return inputs


def _payload(given: Mapping[str, Any]) -> str:
    """Everything that was sent but keys, as JSON. Raises Refused."""
    try:
        text = orjson.dumps({name: value for name, value in given.items() if name not in _KEYS})
    except orjson.JSONEncodeError:
        raise Refused(400, "The request is nested too deeply.") from None
    if len(text) > PAYLOAD_LIMIT:
        raise Refused(413, f"The request has {len(text)} bytes as JSON; {PAYLOAD_LIMIT} are allowed.")
    return text.decode()


def pipeline(row: Pipeline) -> dict[str, Any]:
    """A pipeline as GitLab's REST API shows it, as far as there is such a thing here."""
    return {
        "id": row.pk,
        "iid": row.iid,
        "project_id": row.project_id,
        "sha": row.sha,
        "ref": row.ref,
        "status": row.status,
        "source": row.source,
        "created_at": _moment(row.created_at),
        "updated_at": _moment(row.updated_at),
        "web_url": f"{settings.PIPEYARD_EXTERNAL_URL}/{row.project.full_path}/-/pipelines/{row.pk}",
        "before_sha": row.before_sha,
        "tag": row.tag,
        "name": row.name or None,
        "yaml_errors": None,
        "user": _user(row.user),
        "started_at": _moment(row.started_at),
        "finished_at": _moment(row.finished_at),
        "duration": row.duration,
        "coverage": None,
    }


def _user(user: User | None) -> dict[str, Any] | None:
    if user is None:
        return None
    return {
        "id": user.pk,
        "username": user.username,
        "name": user.name or user.username,
        "state": "active" if user.is_active else "blocked",
        "avatar_url": None,
        "web_url": f"{settings.PIPEYARD_EXTERNAL_URL}/{user.username}",
    }


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
