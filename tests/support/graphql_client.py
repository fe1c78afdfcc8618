"""A client of the GraphQL API for tests: through HTTP, as one kind of caller or another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.test import Client

from ci_core import clock, tokens
from ci_core.models import PersonalAccessToken, User

PATH = "/api/graphql"


def access_token(user: User, scopes: Sequence[str] = ("api",), *, lives: timedelta | None = None) -> str:
    """A new personal access token of a user. lives: None for one that does not expire; may be negative."""
    token = tokens.new_token(tokens.PERSONAL_PREFIX)
    now = clock.now()
    PersonalAccessToken.objects.create(
        user=user,
        name="test",
        digest=tokens.digest(token),
        scopes=list(scopes),
        created_at=now,
        expires_at=now + lives if lives is not None else None,
    )
    return token


@dataclass
class GraphQLClient:
    """Sends documents to the API with these headers."""

    headers: dict[str, str] = field(default_factory=dict)
    http: Client = field(default_factory=lambda: Client(enforce_csrf_checks=True))

    def post(self, document: str, /, operation: str | None = None, **variables: Any) -> HttpResponse:
        """The raw answer to a document."""
        body = {"query": document, "variables": variables, "operationName": operation}
        return self.http.post(PATH, body, content_type="application/json", headers=self.headers)

    def execute(self, document: str, /, operation: str | None = None, **variables: Any) -> dict[str, Any]:
        """The answer's JSON; fails on any HTTP error."""
        response = self.post(document, operation, **variables)
        assert response.status_code == 200, response.content
        answer: dict[str, Any] = response.json()
        return answer

    def data(self, document: str, /, operation: str | None = None, **variables: Any) -> Any:
        """The answer's data; fails on any error."""
        answer = self.execute(document, operation, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def error(self, document: str, /, **variables: Any) -> str:
        """The message of the answer's only error."""
        errors = self.execute(document, **variables)["errors"]
        assert len(errors) == 1, errors
        message: str = errors[0]["message"]
        return message


def as_anonymous() -> GraphQLClient:
    """A caller without any key."""
    return GraphQLClient()


def as_user(user: User, scopes: Sequence[str] = ("api",)) -> GraphQLClient:
    """A caller with a personal access token."""
    return GraphQLClient({"Authorization": f"Bearer {access_token(user, scopes)}"})


def as_session(user: User) -> GraphQLClient:
    """A caller who is signed in, and sends the CSRF token as the explorer does."""
    client = GraphQLClient()
    client.http.force_login(user)
    client.http.get("/-/graphql-explorer")
    client.headers["X-CSRFToken"] = client.http.cookies["csrftoken"].value
    return client


def cookies_of(client: GraphQLClient) -> str:
    """The header `Cookie` of such a caller."""
    return "; ".join(f"{name}={morsel.value}" for name, morsel in client.http.cookies.items())
