"""Owns `${{ job.inputs.NAME }}`: putting the values of a job's inputs into what the job says."""

import json
import re
from collections.abc import Mapping
from typing import Any

from local_runner.errors import PayloadError

# Where inputs may be used, as far as this runner reads it.
# Source: docs.gitlab.com/ci/jobs/job_inputs/#where-you-can-use-job-inputs
_MEMBERS = ("steps", "artifacts", "cache")
# A backslash before it takes an expression as it stands.
# Source: docs.gitlab.com/ci/functions/moa/#escape-moa-expressions
_EXPRESSION = re.compile(r"\\\$\{\{|\$\{\{(.*?)\}\}", re.DOTALL)
_ACCESS = re.compile(
    r"""job\.inputs(?:\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\[\s*(?P<quote>["'])(?P<quoted>[A-Za-z0-9_-]+)(?P=quote)\s*\])"""
    r"""(?:\[\s*(?P<index>[0-9]{1,9})\s*\])?""",
    re.ASCII,
)
_AS_TEXT = re.compile(r"str\((.*)\)", re.DOTALL)


def with_inputs(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The job with its inputs' values in place. A job without inputs stays as it is, whatever its texts look like.

    Raises PayloadError for an expression other than an input, an item of it, or `str()` of either.
    """
    values = _values(payload.get("inputs"))
    if not values:
        return payload
    try:
        return {key: _filled(item, values) if key in _MEMBERS else item for key, item in payload.items()}
    except RecursionError:
        raise PayloadError("the job is nested too deeply") from None


def _values(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    try:
        return {str(entry["key"]): entry["value"]["content"] for entry in given}
    except (KeyError, TypeError):
        raise PayloadError("inputs is not a list of keys with their values") from None


def _filled(item: Any, values: Mapping[str, Any]) -> Any:
    if isinstance(item, str):
        return _EXPRESSION.sub(lambda match: _text_for(match, values), item) if "${{" in item else item
    if isinstance(item, list):
        return [_filled(entry, values) for entry in item]
    if isinstance(item, Mapping):
        return {key: _filled(entry, values) for key, entry in item.items()}
    return item


def _text_for(match: re.Match[str], values: Mapping[str, Any]) -> str:
    if match[1] is None:
        return "${{"
    written = match[1].strip()
    inner = _AS_TEXT.fullmatch(written)
    access = _ACCESS.fullmatch(inner[1].strip() if inner else written)
    if access is None:
        raise PayloadError(
            f"this runner cannot evaluate ${{{{ {written[:100]} }}}}: it knows job.inputs.NAME and its items only"
        )
    name = access["name"] or access["quoted"]
    if name not in values:
        raise PayloadError(f"the job has no input {name!r}, which it uses")
    value = values[name]
    if access["index"] is not None:
        if not isinstance(value, list) or int(access["index"]) >= len(value):
            raise PayloadError(f"the input {name!r} has no item {access['index']}")
        value = value[int(access["index"])]
    return _as_text(value)


def _as_text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():  # there is one kind of number only
        value = int(value)
    return json.dumps(value, ensure_ascii=False)
