"""Most requests take a short way, the rest Django's: both ways answer alike, on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from django.conf import settings

from tests.factories import UserFactory, member, project_with
from tests.support.graphql_client import PATH, access_token, as_session, cookies_of
from tests.support.live_server import serving

pytestmark = pytest.mark.django_db(transaction=True)

WHO = "{ currentUser { username } }"
PROJECT = 'query P($n: Int) { project(fullPath: "group/shop") { name pipelines(first: $n) { count } } }'
CREATE = 'mutation { pipelineCreate(input: {projectPath: "group/nothing", ref: "main"}) { errors } }'
NEW = "application/graphql-response+json"
OLD = "application/json"
#: What differs from answer to answer, or tells of the way that was taken.
OWN = {"x-request-id", "date"}
#: A header that is given twice leads a request Django's way.
TWICE = [(b"x-twice", b"1"), (b"x-twice", b"2")]


@dataclass(frozen=True)
class Ask:
    """A request; `key` is added to its headers."""

    name: str
    method: str = "POST"
    body: Any = None
    parameters: dict[str, str] | None = None
    headers: dict[str, str] | None = None

    def send(self, client: httpx.Client, key: dict[str, str], *, short: bool = True) -> httpx.Response:
        content = self.body
        headers = {"content-type": OLD, **(self.headers or {})}
        if content is not None and not isinstance(content, bytes):
            content = json.dumps(content).encode()
        if self.method in ("GET", "HEAD", "OPTIONS"):
            headers.pop("content-type")
        headers = {name: value for name, value in headers.items() if value}
        request = client.build_request(
            self.method, PATH, params=self.parameters, content=content, headers=headers | key
        )
        if (self.headers or {}).get("accept") == "":
            del request.headers["accept"]
        if not short:
            request.headers = httpx.Headers([*request.headers.raw, *TWICE])
        answer = client.send(request)
        client.cookies.clear()
        return answer


ASKS = [
    Ask("query", body={"query": WHO}),
    Ask("query in the newer type", body={"query": WHO}, headers={"accept": NEW}),
    Ask("no Accept", body={"query": WHO}, headers={"accept": ""}),
    Ask("Accept that cannot be served", body={"query": WHO}, headers={"accept": "image/png"}),
    Ask("variables", body={"query": PROJECT, "variables": {"n": 3}, "operationName": "P"}),
    Ask("wrong variables", body={"query": PROJECT, "variables": {"n": "x"}}, headers={"accept": NEW}),
    Ask("unknown operation", body={"query": PROJECT, "operationName": "Q"}, headers={"accept": NEW}),
    Ask("mutation", body={"query": CREATE}),
    Ask("subscription", body={"query": 'subscription { ciJobStatusUpdated(jobId: "gid://x") { id } }'}),
    Ask("no document", body={}),
    Ask("a list", body=[{"query": WHO}]),
    Ask("no JSON", body=b"{", headers={"accept": NEW}),
    Ask("not UTF-8", body=b'{"query": "\xff"}'),
    Ask("empty body", body=b""),
    Ask("no body"),
    Ask("other content type", body={"query": WHO}, headers={"content-type": "text/plain"}),
    Ask("no content type", body={"query": WHO}, headers={"content-type": ""}),
    Ask("form", body=b"query=x", headers={"content-type": "application/x-www-form-urlencoded"}),
    Ask("not valid", body={"query": "{ nothing }"}, headers={"accept": NEW}),
    Ask("not parsed, older type", body={"query": "{"}, headers={"accept": OLD}),
    Ask("too deep", body={"query": "{ a" * 30 + "}" * 30}, headers={"accept": NEW}),
    Ask("larger than the API's limit", body=b" " * (4 * 1024 * 1024 + 1)),
    Ask("larger than the path's limit", body=b" " * (6 * 1024 * 1024)),
    Ask("GET", method="GET", parameters={"query": WHO}),
    Ask("GET with variables", method="GET", parameters={"query": PROJECT, "variables": '{"n": 1}'}),
    Ask("GET with broken variables", method="GET", parameters={"query": PROJECT, "variables": "{"}),
    Ask("GET of a mutation", method="GET", parameters={"query": CREATE}),
    Ask("GET of a browser", method="GET", headers={"accept": "text/html"}),
    Ask("GET of nothing", method="GET"),
    Ask("HEAD", method="HEAD", parameters={"query": WHO}),
    Ask("PUT", method="PUT", body={"query": WHO}),
    Ask("DELETE", method="DELETE"),
    Ask("OPTIONS", method="OPTIONS"),
    Ask("NUL", body={"query": PROJECT, "variables": {"n": "\0"}}),
]


@pytest.fixture
def client(settings: Any) -> Iterator[httpx.Client]:
    with serving(settings) as url, httpx.Client(base_url=url, timeout=30) as client:
        yield client


def told(answer: httpx.Response) -> tuple[int, dict[str, str], str]:
    """An answer without what is its own."""
    headers = {name: value for name, value in answer.headers.items() if name not in OWN}
    text = answer.text
    if answer.headers.get("content-type", "").startswith("application/") and text:
        body = json.loads(text)
        for error in body.get("errors", []):
            error.get("extensions", {}).pop("requestId", None)
        for limit in ("rate", "time"):
            body.get("extensions", {}).get("limits", {}).pop(limit, None)
        headers.pop("content-length", None)
        text = json.dumps(body, sort_keys=True)
    return answer.status_code, headers, text


@pytest.fixture
def keys(client: httpx.Client) -> dict[str, dict[str, str]]:
    """The headers of callers of all kinds."""
    project = project_with("build: {script: x}", full_path="group/shop")
    user = member(project)
    token = {"authorization": f"Bearer {access_token(user)}"}
    session = as_session(user)
    signed_in = {
        "cookie": cookies_of(session),
        "x-csrftoken": session.headers["X-CSRFToken"],
        "origin": str(client.base_url).rstrip("/"),
    }
    return {
        "nobody": {},
        "token": token,
        "session": signed_in,
        "token and session of another": signed_in
        | {"authorization": f"Bearer {access_token(UserFactory())}"},
        "token and other cookies": token | {"cookie": "theme=dark"},
        "other cookies": {"cookie": "theme=dark; =; x"},
        "session that is not there": {"cookie": f"{settings.SESSION_COOKIE_NAME}={'x' * 32}"},
        "no CSRF token": {name: value for name, value in signed_in.items() if name != "x-csrftoken"},
        "wrong CSRF token": signed_in | {"x-csrftoken": "x" * 32},
        "foreign origin": signed_in | {"origin": "https://elsewhere.example"},
        "no origin": {name: value for name, value in signed_in.items() if name != "origin"},
        "empty origin": signed_in | {"origin": ""},
        "referer": {name: value for name, value in signed_in.items() if name != "origin"}
        | {"referer": str(client.base_url)},
        "unknown token": {"authorization": "Bearer glpat-nothing"},
        "unknown token, session": signed_in | {"authorization": "Bearer glpat-nothing"},
        "no bearer": {"authorization": "Basic YTpi"},
        "no scheme": {"authorization": "x"},
    }


def test_every_request_is_answered_alike(client: httpx.Client, keys: dict[str, dict[str, str]]) -> None:
    statuses = set()
    for caller in ("nobody", "token", "session", "referer", "other cookies", "token and other cookies"):
        for ask in ASKS:
            short = told(ask.send(client, keys[caller]))
            assert told(ask.send(client, keys[caller], short=False)) == short, (caller, ask.name)
            statuses.add(short[0])
    assert statuses >= {200, 302, 400, 405, 406, 413, 415}


def test_whoever_asks_is_answered_alike(client: httpx.Client, keys: dict[str, dict[str, str]]) -> None:
    statuses = {}
    for caller, key in keys.items():
        for ask in (each for each in ASKS if each.name in ("query", "variables", "mutation", "form")):
            short = told(ask.send(client, key))
            assert told(ask.send(client, key, short=False)) == short, (caller, ask.name)
            statuses[caller] = statuses.get(caller, set()) | {short[0]}
    assert {caller for caller, seen in statuses.items() if 403 in seen} == {
        "no CSRF token",
        "wrong CSRF token",
        "foreign origin",
        "empty origin",
    }
    assert {caller for caller, seen in statuses.items() if 401 in seen} == {
        "unknown token",
        "unknown token, session",
        "no bearer",
        "no scheme",
    }
