"""Rights that are lost while somebody listens: their subscription ends and says so, and others live on."""

from __future__ import annotations

import pytest
from django.contrib.sessions.models import Session
from django.test import Client

from ci_core.actions import groups, pipelines, projects, users
from ci_core.models import PersonalAccessToken, Project, Visibility
from ci_core.statuses import AccessLevel
from graphql_api.subscriptions import broadcast
from tests.factories import UserFactory, member, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = "subscription($id: CiPipelineID!) { ciPipelineStatusUpdated(pipelineId: $id) { status } }"
FOLLOW_ALL = "subscription($id: ProjectID!) { ciPipelineStatusesUpdated(projectId: $id) { status } }"


def gid(pipeline):
    return f"gid://gitlab/Ci::Pipeline/{pipeline.pk}"


def revisited(project, visibility):
    project = Project.objects.get(pk=project.pk)
    names = ("name", "description", "default_branch", "repository_path", "ci_config_path", "build_timeout")
    projects.update_project(
        project, visibility=visibility, **{name: getattr(project, name) for name in names}
    )


def ended(message):
    assert (message["type"], message["id"]) == ("error", "a"), message
    (error,) = message["payload"]
    return error["extensions"]["code"]


#: What is done to the user, and the code that they are told.
LOSSES = {
    "membership": (lambda user, project: projects.remove_member(project, user), "not_found"),
    "token": (
        lambda user, project: users.revoke_personal_token(PersonalAccessToken.objects.get(user=user)),
        "unauthenticated",
    ),
    "blocked": (lambda user, project: users.update_user(user, is_active=False), "unauthenticated"),
}


@pytest.mark.parametrize("document", [FOLLOW, FOLLOW_ALL], ids=["pipeline", "project"])
@pytest.mark.parametrize("loss", LOSSES)
def test_ends_at_once_and_others_live_on(loss, document):
    pipeline = pipeline_with({"build": {"script": "x"}})
    loser, other = member(pipeline.project), member(pipeline.project)
    tokens = [access_token(user) for user in (loser, other)]
    id_ = gid(pipeline) if document is FOLLOW else f"gid://gitlab/Project/{pipeline.project_id}"
    lose, code = LOSSES[loss]

    async def scenario():
        async with GraphQLSocket(tokens[0]) as lost, GraphQLSocket(tokens[1]) as kept:
            for socket in (lost, kept):
                await socket.subscribe("a", document, id=id_)
            await elsewhere(lose, loser, pipeline.project)
            end = await lost.receive()
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            told = await kept.next("a")
            await lost.quiet()
            return end, told

    end, told = run(scenario)
    assert ended(end) == code
    assert told["data"]


def test_other_subscriptions_of_the_socket_live_on():
    private = pipeline_with({"build": {"script": "x"}})
    public = pipeline_with({"build": {"script": "x"}}, visibility="public")
    user = member(private.project)
    token = access_token(user)

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(private))
            await socket.subscribe("b", FOLLOW, id=gid(public))
            await elsewhere(projects.remove_member, private.project, user)
            end = await socket.receive()
            await elsewhere(pipelines.cancel_pipeline, public.pk)
            told = await socket.next("b")
            await socket.subscribe("a", FOLLOW, id=gid(private))
            return end, told, await socket.receive()

    end, told, again = run(scenario)
    assert ended(end) == ended(again) == "not_found"
    assert told["data"]["ciPipelineStatusUpdated"]["status"] == "CANCELED"


def test_a_role_in_a_group_that_is_lost():
    pipeline = pipeline_with({"build": {"script": "x"}}, full_path="shop/site")
    shop = groups.create_group("shop", acting_user=UserFactory())
    loser, other = UserFactory(), UserFactory()
    for user in (loser, other):
        groups.add_group_member(shop, user, AccessLevel.REPORTER)
    tokens = [access_token(user) for user in (loser, other)]

    async def scenario():
        async with GraphQLSocket(tokens[0]) as lost, GraphQLSocket(tokens[1]) as kept:
            for socket in (lost, kept):
                await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            await elsewhere(groups.remove_group_member, shop, loser)
            end = await lost.receive()
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return end, await kept.next("a")

    end, told = run(scenario)
    assert ended(end) == "not_found"
    assert told["data"]


@pytest.mark.parametrize("visibility", [Visibility.PRIVATE, Visibility.INTERNAL])
def test_project_that_is_public_no_more(visibility):
    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")
    callers = {
        "nobody": None,
        "stranger": access_token(UserFactory()),
        "member": access_token(member(pipeline.project)),
    }
    may = {"member"} if visibility == Visibility.PRIVATE else {"member", "stranger"}

    async def scenario():
        sockets = {name: GraphQLSocket(token) for name, token in callers.items()}
        heard = {}
        try:
            for socket in sockets.values():
                await socket.__aenter__()
                await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            await elsewhere(revisited, pipeline.project, visibility)
            for name in callers.keys() - may:
                heard[name] = ended(await sockets[name].receive())
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            for name in may:
                heard[name] = (await sockets[name].next("a"))["data"]["ciPipelineStatusUpdated"]["status"]
            for name in callers.keys() - may:
                await sockets[name].quiet()
        finally:
            for socket in sockets.values():
                await socket.disconnect()
        return heard

    assert run(scenario) == {name: "CANCELED" if name in may else "not_found" for name in callers}


@pytest.mark.parametrize("loss", ["signed out", "blocked", "password"])
def test_session_that_is_over(loss):
    pipeline = pipeline_with({"build": {"script": "x"}})
    user = member(pipeline.project)
    client = Client()
    client.force_login(user)
    headers = {"cookie": f"sessionid={client.cookies['sessionid'].value}"}

    def lose():
        if loss == "signed out":
            Session.objects.all().delete()
        elif loss == "blocked":
            users.update_user(user, is_active=False)
        else:
            users.set_password(user, "another one, and long")

    async def scenario():
        async with GraphQLSocket(headers=headers) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            await elsewhere(lose)
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            return await socket.receive()

    assert ended(run(scenario)) == "unauthenticated"


def test_token_that_expires_though_nothing_happens(monkeypatch):
    monkeypatch.setattr(broadcast, "LOOK_ANYWAY", 0.1)
    pipeline = pipeline_with({"build": {"script": "x"}})
    token = access_token(member(pipeline.project))

    def expire():
        PersonalAccessToken.objects.update(expires_at="2000-01-01T00:00:00Z")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            await elsewhere(expire)
            return await socket.receive()

    assert ended(run(scenario)) == "unauthenticated"


def test_pipeline_that_is_deleted():
    from ci_core.actions.deleting import delete_pipeline

    pipeline = pipeline_with({"build": {"script": "x"}}, visibility="public")

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.subscribe("a", FOLLOW, id=gid(pipeline))
            await elsewhere(delete_pipeline, pipeline.pk)
            messages = [await socket.receive()]
            while messages[-1]["type"] != "error":
                messages.append(await socket.receive())
            return messages[-1]

    assert ended(run(scenario)) == "not_found"
