"""One execution serves all subscribers who get the same, and nobody gets what is another's."""

from __future__ import annotations

import contextlib

import pytest

from ci_core.actions import jobs, pipelines, schedules
from ci_core.statuses import AccessLevel, PipelineSource
from graphql_api.subscriptions import broadcast
from tests.factories import UserFactory, member, pipeline_with, project_with
from tests.graphql.mutations.schedules import schedule
from tests.graphql.subscriptions.scenarios import elsewhere, executions, run, statements_of_sockets
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket
from tests.support.jobs import job_of
from tests.support.query_counts import assert_baseline

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = """
subscription($id: CiPipelineID!) {
  ciPipelineStatusUpdated(pipelineId: $id) {
    status project { fullPath } userPermissions { updatePipeline }
    stages { nodes { jobs { nodes { name status } } } }
  }
}
"""
SCHEDULES = """
subscription($id: ProjectID!) {
  ciPipelineScheduleStatusUpdated(projectId: $id) {
    description
    userPermissions { updatePipelineSchedule takeOwnershipPipelineSchedule }
    variables { nodes { key value } }
  }
}
"""


def gid(pipeline):
    return f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"


async def told_to(tokens, document, change, **variables):
    """What subscribers with these tokens are told of one change."""
    async with contextlib.AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(GraphQLSocket(token)) for token in tokens]
        for socket in sockets:
            await socket.subscribe("a", document, **variables)
        with executions() as names, statements_of_sockets() as statements:
            await elsewhere(change)
            told = [await socket.next("a") for socket in sockets]
            await sockets[0].quiet()
        return told, names, statements


def test_one_execution_for_all_with_the_same_role():
    pipeline = pipeline_with({"build": {"script": "x"}})
    roles = [AccessLevel.DEVELOPER] * 3 + [AccessLevel.REPORTER] * 2
    tokens = [access_token(member(pipeline.project, role)) for role in roles]

    async def scenario():
        return await told_to(tokens, FOLLOW, lambda: pipelines.cancel_pipeline(pipeline.pk), id=gid(pipeline))

    told, names, _ = run(scenario)
    assert len(names) == 2
    may = [each["data"]["ciPipelineStatusUpdated"]["userPermissions"]["updatePipeline"] for each in told]
    assert may == [True] * 3 + [False] * 2
    assert all(each["data"]["ciPipelineStatusUpdated"]["status"] == "CANCELED" for each in told)


def test_a_token_that_may_only_read_shares_nothing_with_one_that_may_write():
    pipeline = pipeline_with({"build": {"script": "x"}})
    user = member(pipeline.project)
    tokens = [access_token(user, scopes) for scopes in (["api"], ["read_api"])]

    async def scenario():
        return await told_to(tokens, FOLLOW, lambda: pipelines.cancel_pipeline(pipeline.pk), id=gid(pipeline))

    told, names, _ = run(scenario)
    assert len(names) == 2
    may = [each["data"]["ciPipelineStatusUpdated"]["userPermissions"]["updatePipeline"] for each in told]
    assert may == [True, False]


def test_what_depends_on_the_person_is_executed_for_each():
    """The owner of a schedule and other developers have the same role, and other rights on the schedule."""
    project = project_with("build: {script: x}")
    owner, *others = (member(project, username=name) for name in ("ada", "bob", "cyd"))
    made = schedule(project, owner, variables=[schedules.VariableChange("KEY", "secret")])
    tokens = [access_token(user) for user in (*others, owner, owner)]

    async def scenario():
        return await told_to(
            tokens,
            SCHEDULES,
            lambda: schedules.update_schedule(made.pk, description="daily"),
            id=f"gid://gitlab/Project/{project.pk}",
        )

    told, names, _ = run(scenario)
    assert sorted(names) == ["ada", "bob", "cyd"]
    told = [each["data"]["ciPipelineScheduleStatusUpdated"] for each in told]
    assert all(each["description"] == "daily" for each in told)
    may = [each["userPermissions"]["updatePipelineSchedule"] for each in told]
    assert may == [False, False, True, True]
    assert "secret" in str(told[2]) and "secret" in str(told[3])
    assert "secret" not in str(told[:2])


def test_nobody_signed_in_and_strangers_get_what_is_public():
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    tokens = [None, access_token(UserFactory()), access_token(member(pipeline.project)), None]

    async def scenario():
        return await told_to(tokens, FOLLOW, lambda: pipelines.cancel_pipeline(pipeline.pk), id=gid(pipeline))

    told, names, _ = run(scenario)
    assert len(names) == 3
    may = [each["data"]["ciPipelineStatusUpdated"]["userPermissions"]["updatePipeline"] for each in told]
    assert may == [False, False, True, False]


@pytest.mark.parametrize("difference", ["document", "variables", "operation"])
def test_other_documents_and_variables_are_executed_apart(difference):
    one, other = (pipeline_with({"build": {"script": "x"}}, visibility="public") for _ in range(2))
    documents = {"document": [FOLLOW, FOLLOW.replace("status", "status id", 1)]}.get(difference, [FOLLOW] * 2)
    ids = [gid(one), gid(other if difference == "variables" else one)]
    documents = [
        document.replace("subscription", f"subscription name{number}")
        if difference == "operation"
        else document
        for number, document in enumerate(documents)
    ]

    async def scenario():
        async with GraphQLSocket() as socket:
            for name, document, id_ in zip("ab", documents, ids, strict=True):
                await socket.subscribe(name, document, id=id_)
            with executions() as names:
                await elsewhere(pipelines.cancel_pipeline, one.pk)
                await socket.receive()
                if difference != "variables":
                    await socket.receive()
                await socket.quiet()
            return names

    assert len(run(scenario)) == (1 if difference == "variables" else 2)


def test_the_number_of_statements_does_not_grow_with_the_subscribers_or_the_jobs():
    seen = {}
    for count in (1, 5, 25):
        config = {f"job{number}": {"script": "x"} for number in range(count)}
        pipeline = pipeline_with(config)
        tokens = [access_token(member(pipeline.project)) for _ in range(count)]

        async def scenario(pipeline=pipeline, tokens=tokens):
            return await told_to(
                tokens, FOLLOW, lambda: pipelines.cancel_pipeline(pipeline.pk), id=gid(pipeline)
            )

        told, names, statements = run(scenario)
        assert len(told) == count and len(names) == 1
        seen[count] = statements
    assert len({len(statements) for statements in seen.values()}) == 1, seen
    assert_baseline("subscription.ciPipelineStatusUpdated", seen[1])


def test_changes_within_a_moment_are_one_update(monkeypatch):
    monkeypatch.setattr(broadcast, "GATHER", 0.5)
    pipeline = pipeline_with({name: {"script": "x"} for name in "abc"}, visibility="public")
    ids = [job_of(pipeline, name).pk for name in "abc"]

    def cancel_each():
        for id_ in ids:
            jobs.cancel_job(id_)

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            with executions() as names:
                await elsewhere(cancel_each)
                told = await socket.next("a")
                await socket.quiet()
            return told, names

    told, names = run(scenario)
    assert len(names) == 1
    (stage,) = told["data"]["ciPipelineStatusUpdated"]["stages"]["nodes"]
    assert [job["status"] for job in stage["jobs"]["nodes"]] == ["CANCELED"] * 3


def test_different_documents_about_the_same_share_the_look(monkeypatch):
    """Each is executed; who may see it, and what is new, is read for those together who look at the same time."""
    monkeypatch.setattr(broadcast, "GATHER", 0.1)
    pipeline = pipeline_with({"build": {"script": "x"}})
    token = access_token(member(pipeline.project))

    async def scenario():
        async with GraphQLSocket(token) as socket:
            for number in range(8):
                await socket.subscribe(str(number), f"{FOLLOW}# {number}", id=gid(pipeline))
            with executions() as names, statements_of_sockets() as statements:
                await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
                told = [await socket.receive() for _ in range(8)]
                await socket.quiet()
            return told, names, statements

    told, names, statements = run(scenario)
    assert sorted(message["id"] for message in told) == [str(number) for number in range(8)]
    assert len({str(message["payload"]["data"]) for message in told}) == 1
    assert len(names) == 8
    # Those who ask while a look is made have to wait for the next one.
    assert 1 <= sum("ci_core_personalaccesstoken" in sql for sql in statements) <= 4
    assert 1 <= sum('FROM "ci_core_event"' in sql for sql in statements) <= 4


def test_who_joins_later_is_told_only_of_what_follows_and_shares_the_look_from_then_on():
    project = project_with("build: {script: x, when: manual}")
    first, second = (
        pipelines.create_pipeline(project, "main", PipelineSource.WEB, acting_user=None) for _ in range(2)
    )
    builds = [job_of(pipeline, "build").pk for pipeline in (first, second)]
    token = access_token(member(project))
    document = "subscription($id: ProjectID!) { ciPipelineStatusesUpdated(projectId: $id) { id } }"
    project_id = f"gid://gitlab/Project/{project.pk}"

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("early", document, id=project_id)
            await elsewhere(jobs.play_job, builds[0], acting_user=None)
            told = [await socket.receive()]
            await socket.subscribe("late", f"{document}# late", id=project_id)
            await elsewhere(jobs.play_job, builds[1], acting_user=None)
            told += [await socket.receive(), await socket.receive()]
            await socket.quiet()
            return [(each["id"], each["payload"]["data"]["ciPipelineStatusesUpdated"]["id"]) for each in told]

    told = run(scenario)
    assert told[0] == ("early", gid(first))
    assert sorted(told[1:]) == [("early", gid(second)), ("late", gid(second))]
