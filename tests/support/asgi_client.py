"""A client of the ASGI application for tests: requests that come without Django's test client around them."""

from __future__ import annotations

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator

from ci_core.models import User
from tests.support.graphql_client import PATH, access_token, as_session, cookies_of

Headers = list[tuple[bytes, bytes]]
#: What a request has unless it is given.
_DEFAULTS: Headers = [(b"host", b"testserver"), (b"content-type", b"application/json")]


def scope_of(headers: Headers) -> dict[str, Any]:
    """A POST to the GraphQL API."""
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": PATH,
        "raw_path": PATH.encode(),
        "query_string": b"",
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 1),
        "headers": [
            *(default for default in _DEFAULTS if default[0] not in dict(headers)),
            *headers,
        ],
    }


def request_of(
    headers: Headers, document: str, **variables: Any
) -> tuple[ApplicationCommunicator, dict[str, Any]]:
    """A client that posts an operation, and the message with its body, which is yet to be sent."""
    # Importing it sets the process up for serving.
    from config.asgi import application

    body = json.dumps({"query": document, "variables": variables}).encode()
    announced = (b"content-length", str(len(body)).encode())
    client = ApplicationCommunicator(application, scope_of([*headers, announced]))
    return client, {"type": "http.request", "body": body}


async def ask(
    headers: Headers, document: str = "{ currentUser { username } }", **variables: Any
) -> tuple[int, dict[bytes, bytes], Any]:
    """The status, the headers and the body of the answer to a request."""
    client, message = request_of(headers, document, **variables)
    await client.send_input(message)
    start = await client.receive_output(10)
    content = await client.receive_output(10)
    await client.wait(10)
    return start["status"], dict(start["headers"]), json.loads(content["body"])


def bearer(user: User) -> tuple[bytes, bytes]:
    """The header of a new token of a user."""
    return (b"authorization", f"Bearer {access_token(user)}".encode())


def session_of(user: User) -> Headers:
    """The headers of a browser in which a user is signed in."""
    browser = as_session(user)
    return [
        (b"cookie", cookies_of(browser).encode()),
        (b"x-csrftoken", browser.headers["X-CSRFToken"].encode()),
    ]
