"""Environments that the tests of their mutations start from."""

from __future__ import annotations

from typing import Any

from ci_core.actions.environments import create_environment, protect_environment
from ci_core.models import Deployment, Environment, Job, Project
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from tests.factories import member, project_with
from tests.support.graphql_client import as_user


def shop() -> Project:
    """A public project without environments."""
    return project_with("build: {script: x}", visibility="public", full_path="group/shop")


def environment(project: Project, **fields: Any) -> Environment:
    """An environment that nothing was deployed to."""
    return create_environment(project, **{"name": "review/login", **fields})


def gid(made: Environment) -> str:
    """Its global id."""
    return f"gid://gitlab/Environment/{made.pk}"


def state() -> list[Any]:
    """Everything that the mutations could change."""
    return [
        list(Environment.objects.order_by("pk").values()),
        list(Deployment.objects.order_by("pk").values()),
        list(Job.objects.order_by("pk").values_list("pk", "status")),
    ]


def assert_protected(document: str, made: Environment, input_: dict[str, Any]) -> None:
    """A developer may not do it while the environment is protected, and is told so."""
    protect_environment(made.project, made.name, access_level=AccessLevel.MAINTAINER)
    before = state()
    (error,) = as_user(member(made.project)).execute(document, input=input_)["errors"]
    assert error["message"] == UNAVAILABLE_MESSAGE
    assert (
        error["extensions"]["reason"]
        == f"{made.name} is a protected environment, and you may not deploy to it."
    )
    assert state() == before
