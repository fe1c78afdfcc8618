"""Updates are carried out in one visit to a thread, and by Strawberry where that is switched off."""

from __future__ import annotations

from time import sleep

import pytest

from ci_core.actions import pipelines
from graphql_api.execution.executor import BreadthFirst
from graphql_api.limits.time import Deadline
from graphql_api.schema import schema
from graphql_api.subscriptions import execution
from tests.factories import member, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = """
subscription follow($id: CiPipelineID!, $deep: Boolean!) {
  ciPipelineStatusUpdated(pipelineId: $id) {
    status
    stages @include(if: $deep) { nodes { jobs { nodes { name status } } } }
  }
}
"""


@pytest.fixture(autouse=True)
def _served(monkeypatch):
    """The executor as it is served: the tests' comparison of both goes by Strawberry."""
    monkeypatch.setattr(schema, "execution_context_class", BreadthFirst)


@pytest.fixture
def by_strawberry(monkeypatch):
    """What Strawberry was given to carry out."""
    given = []
    carry_out = execution._by_strawberry

    async def noted(schema, request, context):
        given.append(request)
        return await carry_out(schema, request, context)

    monkeypatch.setattr(execution, "_by_strawberry", noted)
    return given


def told_of_a_cancelled_pipeline(document=FOLLOW, **variables):
    """What a subscriber is told."""
    pipeline = pipeline_with({"build": {"script": "x"}})
    token = access_token(member(pipeline.project))

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", document, id=f"gid://gitlab/Ci::Pipeline/{pipeline.pk}", **variables)
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return await socket.next("a")

    return run(scenario)


@pytest.mark.parametrize("deep", [True, False])
def test_an_update_needs_no_strawberry(by_strawberry, deep):
    told = told_of_a_cancelled_pipeline(deep=deep)
    expected = {"status": "CANCELED"}
    if deep:
        expected["stages"] = {"nodes": [{"jobs": {"nodes": [{"name": "build", "status": "CANCELED"}]}}]}
    assert told == {"data": {"ciPipelineStatusUpdated": expected}}
    assert by_strawberry == []


def test_it_can_be_switched_off(by_strawberry, settings):
    settings.PIPEYARD_BREADTH_FIRST = False
    told = told_of_a_cancelled_pipeline(deep=True)
    assert told["data"]["ciPipelineStatusUpdated"]["status"] == "CANCELED"
    assert len(by_strawberry) == 1


def test_an_update_that_takes_too_long_is_an_error(settings, monkeypatch):
    updated = execution.updated

    def slow(*given):
        sleep(0.5)
        return updated(*given)

    monkeypatch.setattr(execution, "updated", slow)
    monkeypatch.setattr(Deadline, "__init__", _short(Deadline.__init__))
    told = told_of_a_cancelled_pipeline(deep=True)
    assert told["data"] is None
    (error,) = told["errors"]
    assert error["extensions"]["limit"] == "time"


def _short(begin):
    def begin_short(self):
        begin(self)
        self.seconds = 0.2

    return begin_short
