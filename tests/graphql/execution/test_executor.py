"""What is executed breadth-first, what is left to graphql-core, and what is kept between requests."""

from __future__ import annotations

import asyncio
from unittest import mock

import pytest
from asgiref.sync import async_to_sync
from structlog.testing import capture_logs

from ci_core.access import Principal
from graphql_api.context import Context
from graphql_api.execution import planning, plans
from graphql_api.execution.executor import BreadthFirst
from graphql_api.execution.run import Run
from graphql_api.schema import schema
from graphql_api.threads import in_request_thread
from tests.factories import member, pipeline_with
from tests.graphql.queries.test_pipeline_graph import GRAPH, grown
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_baseline, statements_of

pytestmark = pytest.mark.django_db


def fallbacks(logs):
    return [
        (entry["operation"], entry["reason"]) for entry in logs if entry["event"] == "left to graphql-core"
    ]


def test_introspection_is_left_to_graphql_core():
    with capture_logs() as logs:
        found = as_anonymous().data("query Types { __schema { queryType { name } } currentUser { id } }")
    assert found == {"__schema": {"queryType": {"name": "Query"}}, "currentUser": None}
    assert fallbacks(logs) == [("Types", "introspection")]


def test_the_graph_is_not_left_to_graphql_core():
    pipeline = pipeline_with({"build": {"script": "x"}})
    client = as_user(member(pipeline.project))
    with capture_logs() as logs:
        client.data(GRAPH, projectPath=pipeline.project.full_path, iid="1")
    assert fallbacks(logs) == []


def test_more_fields_than_a_plan_may_have(monkeypatch):
    monkeypatch.setattr(planning, "MAX_STEPS", 2)
    with capture_logs() as logs:
        as_anonymous().data("query Long { a: currentUser { id } b: currentUser { id } }")
        as_anonymous().data("query Long { a: currentUser { id } b: currentUser { id } }")
    assert fallbacks(logs) == [("Long", "more than 2 fields")] * 2


def test_a_setting_switches_it_off(settings, monkeypatch):
    settings.PIPEYARD_BREADTH_FIRST = False
    monkeypatch.setattr(Run, "execute", lambda self: pytest.fail("executed breadth-first"))
    assert as_anonymous().data("{ currentUser { id } }") == {"currentUser": None}


def plan_of(document, monkeypatch, **variables):
    """The plan that a document was executed by."""
    seen = []
    original = plans.Plans.of
    monkeypatch.setattr(
        plans.Plans, "of", lambda self, executor: seen.append(original(self, executor)) or seen[-1]
    )
    as_anonymous().data(document, **variables)
    return seen[-1]


def test_a_plan_is_made_once_for_each_shape(monkeypatch):
    document = (
        "query($shown: Boolean!, $text: String) { currentUser @include(if: $shown) { id } "
        "projects(search: $text) { count } }"
    )
    first = plan_of(document, monkeypatch, shown=True, text="a")
    assert plan_of(document, monkeypatch, shown=True, text="b") is first
    assert plan_of(document, monkeypatch, shown=False, text="a") is not first
    assert plan_of(document + " ", monkeypatch, shown=True, text="a") is not first


def test_operations_of_one_document_have_plans_of_their_own():
    document = "query A { currentUser { name } } query B { currentUser { username } }"
    user = member(pipeline_with({"a": {"script": "x"}}).project)
    client = as_user(user)
    assert client.execute(document, "A")["data"] == {"currentUser": {"name": user.name}}
    assert client.execute(document, "B")["data"] == {"currentUser": {"username": user.username}}


def test_the_plans_that_are_kept_are_bounded(monkeypatch):
    made = []
    plan = plans.Planner.plan
    monkeypatch.setattr(plans.Planner, "plan", lambda self: made.append(self) or plan(self))
    monkeypatch.setattr(plans, "KEPT_STEPS", 6)
    monkeypatch.setattr(plans, "_BY_SCHEMA", {})

    def planned(number):
        """Whether a document of two fields has to be planned anew."""
        made.clear()
        as_anonymous().data(f"{{ a{number}: currentUser {{ id }} }}")
        return bool(made)

    assert [planned(number) for number in (0, 1, 2, 0)] == [True, True, True, False]
    # The one that was not used for the longest time makes room for the fourth.
    assert [planned(number) for number in (3, 0, 2, 1)] == [True, False, False, True]


def test_an_operation_is_one_hop_to_a_thread():
    hops = []

    async def counted(function):
        hops.append(function)
        return await in_request_thread(function)

    pipeline = pipeline_with({"build": {"script": "x"}})
    context = Context(Principal(member(pipeline.project)), run_in_thread=counted)
    variables = {"projectPath": pipeline.project.full_path, "iid": "1"}
    with mock.patch.object(schema, "execution_context_class", BreadthFirst):
        answer = async_to_sync(schema.execute)(GRAPH, variables, context)
    assert answer.errors is None
    assert len(hops) == 1


def test_who_goes_away_stops_what_has_not_begun(monkeypatch):
    started, runs = asyncio.Event(), []
    original = Run.__init__
    monkeypatch.setattr(Run, "__init__", lambda self, *given: runs.append(self) or original(self, *given))

    async def never(function):
        started.set()
        await asyncio.Event().wait()

    async def scenario():
        task = asyncio.ensure_future(
            schema.execute("{ currentUser { id } }", None, Context(run_in_thread=never))
        )
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert runs[0].stopped
    assert runs[0].execute() is None


@pytest.mark.parametrize("breadth_first", [True, False])
def test_graph_takes_as_many_statements_at_1000_jobs(settings, breadth_first):
    settings.PIPEYARD_BREADTH_FIRST = breadth_first
    counts = {}
    for size in (1, 10, 1000):
        pipeline = grown(max(size, 5))
        client = as_user(member(pipeline.project))
        variables = {"projectPath": pipeline.project.full_path, "iid": str(pipeline.iid)}
        client.data(GRAPH, **variables)
        counts[size] = statements_of(lambda: client.data(GRAPH, **variables))  # noqa: B023 - called at once
    assert len({len(statements) for statements in counts.values()}) == 1
    assert_baseline("pipeline graph", counts[1000])
