"""Owns reading a request: its method, the type of its body, and the parameters of its operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from django.conf import settings
from django.http import HttpRequest

from graphql_api.http.media_types import is_json
from graphql_api.http.refusal import Refused, bad_request, exceeding
from graphql_api.limits.exceeded import LimitExceeded

METHODS: Final = "GET, POST"


@dataclass(frozen=True, slots=True)
class Operation:
    """What a client asks to be carried out. query: None where `extensions` name the document instead."""

    query: str | None
    variables: dict[str, Any] | None = None
    operation_name: str | None = None
    extensions: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """What is read of a request, whoever received it.

    accept, content_type: its headers. parameters: those of its URL. body: gives its bytes; raises Refused (413).
    """

    method: str
    accept: str | None
    content_type: str
    parameters: Mapping[str, str]
    body: Callable[[], bytes]


def check_method(sent: Sent) -> None:
    """Raises Refused (405) for any method but GET and POST."""
    if sent.method not in ("GET", "POST"):
        raise Refused(405, f"This path takes {METHODS}.", "method_not_allowed", headers={"Allow": METHODS})


def read_operations(sent: Sent) -> list[Operation] | Operation:
    """The operation of a request, or several if its body is a list. Raises Refused (400, 413, 415)."""
    if sent.method == "GET":
        return _operation(_url_parameters(sent.parameters))
    if not sent.content_type:
        raise bad_request("The header Content-Type is missing; send application/json.")
    if not is_json(sent.content_type):
        raise Refused(
            415,
            "The body must be JSON in UTF-8, with Content-Type: application/json.",
            "unsupported_media_type",
        )
    given = _json(sent.body(), "The body")
    if isinstance(given, list):
        _check_list(given)
        return [_operation(item) for item in given]
    return _operation(given)


def body_of_request(request: HttpRequest) -> bytes:
    """The body. Raises Refused (413)."""
    limit = settings.PIPEYARD_GRAPHQL_BODY_LIMIT
    announced = request.META.get("CONTENT_LENGTH") or ""
    if announced.isascii() and announced.isdigit() and int(announced) > limit:
        raise exceeding(413, LimitExceeded("body", limit, int(announced)))
    body = request.read(limit + 1)
    if len(body) > limit:
        raise exceeding(413, LimitExceeded("body", limit, len(body)))
    return body


def _check_list(given: list[Any]) -> None:
    """Raises Refused (400) unless lists are taken, and this one is short enough."""
    limit = settings.PIPEYARD_GRAPHQL_BATCH_LIMIT
    if limit == 0 or not given:
        raise bad_request("Send one operation, as an object: lists of operations are not taken here.")
    if len(given) > limit:
        raise exceeding(400, LimitExceeded("batch", limit, len(given)))


def _url_parameters(parameters: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {
        name: parameters[name] for name in ("query", "operationName") if name in parameters
    }
    for name in ("variables", "extensions"):
        if parameters.get(name):
            given[name] = _json(parameters[name].encode(), f"The parameter `{name}`")
    return given


def _json(text: bytes, what: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise bad_request(f"{what} is not JSON: {error}.") from None


def _operation(given: Any) -> Operation:
    """The parameters, each of its type. Raises Refused (400)."""
    if not isinstance(given, dict):
        raise bad_request("An operation must be a JSON object.")
    query = _parameter(given, "query", str, "a string")
    extensions = _parameter(given, "extensions", dict, "an object") or {}
    if not query and "persistedQuery" not in extensions:
        raise bad_request("The parameter `query` is missing: the GraphQL document.")
    return Operation(
        query=query,
        variables=_parameter(given, "variables", dict, "an object"),
        operation_name=_parameter(given, "operationName", str, "a string"),
        extensions=extensions,
    )


def _parameter(given: Mapping[str, Any], name: str, kind: type, called: str) -> Any:
    value = given.get(name)
    if value is not None and not isinstance(value, kind):
        raise bad_request(f"The parameter `{name}` must be {called} or null.")
    return value
