"""Callers who may not change anything, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ci_core.models import Project
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import UserFactory, member
from tests.support.graphql_client import GraphQLClient, as_anonymous, as_user


def powerless(project: Project) -> Iterator[tuple[str, GraphQLClient]]:
    """Everybody who may not run pipelines of a project, each with a name."""
    yield "anonymous", as_anonymous()
    yield "stranger", as_user(UserFactory())
    yield "guest", as_user(member(project, AccessLevel.GUEST))
    yield "reporter", as_user(member(project, AccessLevel.REPORTER))
    yield "developer who may only read", as_user(member(project, AccessLevel.DEVELOPER), ["read_api"])


def assert_powerless(
    project: Project, field: str, document: str, input_: dict[str, Any], state: Callable[[], Any]
) -> None:
    """Nobody of them changes the state with the mutation, and all are told the same."""
    before = state()
    for name, client in powerless(project):
        answer = client.execute(document, input=input_)
        assert answer["data"] == {field: None}, name
        assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE], name
        assert state() == before, name
