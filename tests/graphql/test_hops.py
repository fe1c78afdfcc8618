"""A request hops to a thread where the database is asked, and nowhere else: each hop costs as much as a small query."""

from __future__ import annotations

import json

import asgiref.sync
import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient

from graphql_api.execution.executor import BreadthFirst
from graphql_api.schema import schema
from tests.factories import ProjectFactory, UserFactory
from tests.support.graphql_client import PATH, access_token

pytestmark = pytest.mark.django_db


def test_no_middleware_hops_for_a_request_to_the_api(monkeypatch):
    hops = []
    call = asgiref.sync.SyncToAsync.__call__

    async def counted(self, *given, **named):
        hops.append(getattr(self.func, "__qualname__", repr(self.func)))
        return await call(self, *given, **named)

    monkeypatch.setattr(asgiref.sync.SyncToAsync, "__call__", counted)
    answer = async_to_sync(AsyncClient().post)(
        PATH,
        json.dumps({"query": "{ currentUser { name } }"}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {access_token(UserFactory())}"},
    )
    assert answer.status_code == 200
    assert [name for name in hops if "process_" in name] == []
    assert any("_Visit" in name for name in hops), "hops are counted"


@pytest.fixture
def served(monkeypatch):
    """The executor as it is served: the tests' comparison of both goes by Strawberry."""
    monkeypatch.setattr(schema, "execution_context_class", BreadthFirst)


def test_a_query_is_answered_in_one_visit_to_a_thread(monkeypatch, served):
    hops = []
    call = asgiref.sync.SyncToAsync.__call__

    async def counted(self, *given, **named):
        hops.append(getattr(self.func, "__qualname__", repr(self.func)))
        return await call(self, *given, **named)

    monkeypatch.setattr(asgiref.sync.SyncToAsync, "__call__", counted)
    project = ProjectFactory(visibility="public")
    answer = async_to_sync(AsyncClient().post)(
        PATH,
        json.dumps({"query": f'{{ project(fullPath: "{project.full_path}") {{ pipelines {{ count }} }} }}'}),
        content_type="application/json",
        headers={"Authorization": f"Bearer {access_token(UserFactory())}"},
    )
    assert answer.json()["data"] == {"project": {"pipelines": {"count": 0}}}
    assert len([name for name in hops if "_Visit" in name or "run_in_thread" in name]) == 1
