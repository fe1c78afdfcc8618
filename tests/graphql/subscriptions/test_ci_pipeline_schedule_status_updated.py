"""Subscription.ciPipelineScheduleStatusUpdated."""

from __future__ import annotations

import pytest

from ci_core.actions import firing, pipelines, projects, schedules
from ci_core.models import PipelineSchedule
from ci_core.statuses import PipelineSource
from tests.factories import UserFactory, member, project_with
from tests.graphql.mutations.schedules import schedule
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token
from tests.support.graphql_socket import GraphQLSocket

pytestmark = pytest.mark.django_db(transaction=True)

FOLLOW = """
subscription($id: ProjectID!) {
  ciPipelineScheduleStatusUpdated(projectId: $id) { description active lastPipeline { status } }
}
"""


@pytest.fixture
def project():
    return project_with("build: {script: x}")


def gid(project):
    return f"gid://gitlab/Project/{project.pk}"


def told(message):
    made = message["data"]["ciPipelineScheduleStatusUpdated"]
    return made["description"], made["active"], made["lastPipeline"] and made["lastPipeline"]["status"]


def test_tells_of_its_runs_and_how_they_go_on(project):
    owner = member(project)
    token = access_token(owner)
    made = schedule(project, owner)

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(project))
            pipeline = await elsewhere(firing.play_schedule, made.pk, acting_user=owner)
            messages = [await socket.next("a")]
            await elsewhere(pipelines.cancel_pipeline, pipeline.pk)
            messages.append(await socket.next("a"))
            await socket.quiet()
            return [told(message) for message in messages]

    assert run(scenario) == [("nightly", True, "PENDING"), ("nightly", True, "CANCELED")]


def test_tells_of_schedules_that_are_made_changed_and_switched_off(project):
    owner, token = member(project), access_token(member(project))

    def change():
        schedules.update_schedule(PipelineSchedule.objects.get().pk, description="daily")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(project))
            messages = []
            for step in (
                lambda: schedule(project, owner),
                change,
                lambda: projects.remove_member(project, owner),
            ):
                await elsewhere(step)
                messages.append(await socket.next("a"))
            await socket.quiet()
            return [told(message) for message in messages]

    assert run(scenario) == [("nightly", True, None), ("daily", True, None), ("daily", False, None)]


def test_pipelines_of_others_are_not_told_of(project):
    token = access_token(member(project))
    schedule(project)
    elsewhere_project = project_with("build: {script: x}")

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(project))
            await elsewhere(pipelines.create_pipeline, project, "main", PipelineSource.WEB, acting_user=None)
            await elsewhere(schedule, elsewhere_project)
            await socket.quiet()

    run(scenario)


@pytest.mark.parametrize("caller", ["anonymous", "stranger"])
def test_refused_to_who_may_not_see_it(project, caller):
    token = access_token(UserFactory()) if caller == "stranger" else None

    async def scenario():
        async with GraphQLSocket(token) as socket:
            await socket.subscribe("a", FOLLOW, id=gid(project))
            message = await socket.receive()
            await elsewhere(schedule, project)
            await socket.quiet()
            return message

    message = run(scenario)
    assert (message["type"], message["payload"][0]["extensions"]["code"]) == ("error", "not_found")
