"""Runners and their callers, for the tests of queries and mutations."""

from __future__ import annotations

from typing import Any

from ci_core.models import Runner
from tests.factories import UserFactory, runner_with_token
from tests.support.graphql_client import GraphQLClient, as_user


def gid(runner: Runner) -> str:
    """The global id of a runner."""
    return f"gid://gitlab/Ci::Runner/{runner.pk}"


def runner(**settings: Any) -> Runner:
    """A new runner."""
    return runner_with_token(**settings)[0]


def as_admin() -> GraphQLClient:
    """An administrator."""
    return as_user(UserFactory(is_superuser=True))


def everything() -> list[Any]:
    """What is stored of all runners, for telling that nothing has changed."""
    assigned = Runner.projects.through.objects.order_by("pk").values_list("runner_id", "project_id")
    return [*Runner.objects.order_by("pk").values(), *assigned]
