"""Who may see and do what, for every field of Query, Mutation and Subscription: each caller gets what is theirs.

A new root field needs a case here, or the first test fails. The world is one private project; the callers are those of
`callers`. A case names who gets something; everybody else must get nothing, and leave everything as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from procrastinate.contrib.django.models import ProcrastinateJob

from ci_core.actions import jobs as job_actions
from ci_core.actions import schedules as schedule_actions
from ci_core.actions.environments import create_environment, protect_environment
from ci_core.actions.groups import create_group
from ci_core.actions.runners import create_runner
from ci_core.actions.schedules import create_schedule
from ci_core.actions.trigger_tokens import create_trigger
from ci_core.models import (
    Artifact,
    Deployment,
    Environment,
    Event,
    Job,
    PendingJob,
    Pipeline,
    PipelineSchedule,
    PipelineTrigger,
    ProjectMembership,
    ProtectedEnvironment,
    ResourceGroup,
    Runner,
    Stage,
    User,
)
from ci_core.statuses import AccessLevel
from graphql_api.errors import UNAVAILABLE_MESSAGE
from graphql_api.schema import schema
from tests.factories import UserFactory, pipeline_with
from tests.graphql.subscriptions.scenarios import elsewhere, run
from tests.support.graphql_client import access_token, as_anonymous, as_user
from tests.support.graphql_socket import GraphQLSocket
from tests.support.jobs import artifact, job_of

CONFIG = {
    "build": {"script": "x"},
    "gone": {"script": "x", "resource_group": "device"},
    "up": {"script": "x", "environment": "staging"},
    "deploy": {"script": "x", "when": "manual"},
    "later": {"script": "x", "when": "delayed", "start_in": "1 hour"},
}
MEMBERS = {
    "guest": AccessLevel.GUEST,
    "reporter": AccessLevel.REPORTER,
    "developer": AccessLevel.DEVELOPER,
    "maintainer": AccessLevel.MAINTAINER,
    "owner": AccessLevel.OWNER,
}
STRANGERS = ("anonymous", "stranger")
CALLERS = (*STRANGERS, *MEMBERS, "admin")


def at_least(role):
    """A role of the project and those above it; administrators may do what owners may."""
    return CALLERS[CALLERS.index(role) :]


SIGNED_IN = at_least("stranger")
ADMINS = ("admin",)


class World:
    """A private project, with one of everything that the fields are about."""

    def __init__(self):
        self.users = {"stranger": UserFactory(), "admin": UserFactory(is_superuser=True)}
        self.pipeline = pipeline_with(CONFIG, full_path="secret/shop")
        self.project = self.pipeline.project
        for role, level in MEMBERS.items():
            self.users[role] = user = UserFactory()
            ProjectMembership.objects.create(user=user, project=self.project, access_level=level)
        # Takes the project in, whose path begins with the group's.
        create_group("secret", acting_user=self.users["admin"])
        self.jobs = {name: job_of(self.pipeline, name) for name in CONFIG}
        job_actions.cancel_job(self.jobs["gone"].pk)
        job_actions.cancel_job(self.jobs["up"].pk)
        self.deployment = Deployment.objects.get()
        protect_environment(self.project, "production", access_level=AccessLevel.OWNER)
        self.artifact = artifact(self.jobs["gone"])
        self.environment = create_environment(self.project, name="review/a")
        self.stopped = create_environment(self.project, name="review/b")
        Environment.objects.filter(pk=self.stopped.pk).update(state="stopped")
        self.schedule = create_schedule(
            self.project,
            acting_user=self.users["developer"],
            description="nightly",
            ref="main",
            cron="0 3 * * *",
        )
        self.trigger = create_trigger(
            self.project, acting_user=self.users["maintainer"], description="deploy"
        )
        self.runner = create_runner(acting_user=None, projects=[self.project], description="r")[0]

    def ids(self):
        """What documents refer to, by name."""
        return {
            "path": self.project.full_path,
            "project": f"gid://gitlab/Project/{self.project.pk}",
            "pipeline": f"gid://gitlab/Ci::Pipeline/{self.pipeline.pk}",
            "stage": f"gid://gitlab/Ci::Stage/{Stage.objects.order_by('pk').first().pk}",
            **{name: f"gid://gitlab/Ci::Build/{job.pk}" for name, job in self.jobs.items()},
            "artifact": f"gid://gitlab/Ci::JobArtifact/{self.artifact.pk}",
            "environment": f"gid://gitlab/Environment/{self.environment.pk}",
            "deployment": f"gid://gitlab/Deployment/{self.deployment.pk}",
            "stopped": f"gid://gitlab/Environment/{self.stopped.pk}",
            "schedule": f"gid://gitlab/Ci::PipelineSchedule/{self.schedule.pk}",
            "runner": f"gid://gitlab/Ci::Runner/{self.runner.pk}",
            "trigger": f"gid://gitlab/Ci::Trigger/{self.trigger.pk}",
        }

    def client(self, caller, scopes=("api",)):
        return as_anonymous() if caller == "anonymous" else as_user(self.users[caller], scopes)


def everything() -> list[Any]:
    """All rows that a field could change, what is told of changes, and what is to be done in the background."""
    tables = (
        Artifact, Deployment, Environment, Event, Job, PendingJob, Pipeline, PipelineSchedule,
        PipelineTrigger, ProjectMembership, ProtectedEnvironment, ResourceGroup, Runner, Stage, User, ProcrastinateJob,
    )  # fmt: skip
    return [list(table.objects.order_by("pk").values()) for table in tables]


#: Field -> its use, and who gets something. `%(name)s` is one of World.ids.
QUERIES = {
    "currentUser": ("currentUser { id }", SIGNED_IN),
    "projects": ("projects { nodes { id } }", at_least("guest")),
    "project": ('project(fullPath: "%(path)s") { id }', at_least("guest")),
    "group": ('group(fullPath: "secret") { id }', at_least("guest")),
    "job": ('job(id: "%(build)s") { id }', at_least("guest")),
    "jobs": ("jobs { nodes { id } }", ADMINS),
    "ciPipelineStage": ('ciPipelineStage(id: "%(stage)s") { id }', at_least("guest")),
    "runner": ('runner(id: "%(runner)s") { id }', at_least("maintainer")),
    "runners": ("runners { nodes { id } }", ADMINS),
    "ciConfig": (
        'ciConfig(projectPath: "%(path)s", content: "a: {script: x}") { status }',
        at_least("developer"),
    ),
    "queryComplexity": ("queryComplexity { score }", CALLERS),
    "metadata": ("metadata { version }", SIGNED_IN),
}


@dataclass(frozen=True)
class Change:
    """A mutation's input, and the lowest role that may do it. told: in the payload's errors, not as unavailable."""

    input: str
    role: str
    told: bool = False
    changes: bool = True


MUTATIONS = {
    "pipelineCreate": Change('projectPath: "%(path)s", ref: "main"', "developer"),
    "pipelineCancel": Change('id: "%(pipeline)s"', "developer"),
    "pipelineRetry": Change('id: "%(pipeline)s"', "developer"),
    "pipelineDestroy": Change('id: "%(pipeline)s"', "owner"),
    "jobPlay": Change('id: "%(deploy)s"', "developer"),
    "jobRetry": Change('id: "%(gone)s"', "developer"),
    "jobCancel": Change('id: "%(build)s"', "developer"),
    "jobUnschedule": Change('id: "%(later)s"', "developer"),
    "artifactDestroy": Change('id: "%(artifact)s"', "maintainer"),
    "bulkDestroyJobArtifacts": Change('projectId: "%(project)s", ids: ["%(artifact)s"]', "maintainer"),
    "pipelineScheduleCreate": Change(
        'projectPath: "%(path)s", description: "d", cron: "0 4 * * *", ref: "main"', "developer"
    ),
    "pipelineScheduleUpdate": Change('id: "%(schedule)s", description: "other"', "developer"),
    "pipelineScheduleDelete": Change('id: "%(schedule)s"', "developer"),
    "pipelineSchedulePlay": Change('id: "%(schedule)s"', "developer"),
    "pipelineScheduleTakeOwnership": Change('id: "%(schedule)s"', "maintainer"),
    "pipelineTriggerCreate": Change('projectPath: "%(path)s", description: "d"', "maintainer"),
    "pipelineTriggerUpdate": Change('id: "%(trigger)s", description: "other"', "maintainer"),
    "pipelineTriggerDelete": Change('id: "%(trigger)s"', "maintainer"),
    "environmentCreate": Change('projectPath: "%(path)s", name: "new"', "developer"),
    "environmentUpdate": Change('id: "%(environment)s", externalUrl: "https://example.com"', "developer"),
    "environmentStop": Change('id: "%(environment)s"', "developer"),
    "environmentDelete": Change('id: "%(stopped)s"', "developer"),
    "environmentCancelAutoStop": Change('id: "%(environment)s"', "developer"),
    "deploymentRollback": Change('id: "%(deployment)s"', "developer"),
    "environmentProtect": Change('projectPath: "%(path)s", name: "review/a", role: OWNER', "maintainer"),
    "environmentUnprotect": Change('projectPath: "%(path)s", name: "production"', "maintainer"),
    "ciResourceGroupUpdate": Change(
        'projectPath: "%(path)s", key: "device", processMode: NEWEST_FIRST', "developer"
    ),
    "jobErase": Change('id: "%(gone)s"', "maintainer"),
    "ciLint": Change('projectPath: "%(path)s", content: "a: {script: x}"', "developer", changes=False),
    "runnerCreate": Change('runnerType: PROJECT_TYPE, projectId: "%(project)s"', "maintainer"),
    "runnerUpdate": Change('id: "%(runner)s", description: "other"', "maintainer"),
    "runnerDelete": Change('id: "%(runner)s"', "maintainer"),
    "bulkRunnerDelete": Change('ids: ["%(runner)s"]', "maintainer", told=True),
    "runnerBulkPause": Change('ids: ["%(runner)s"], paused: true', "maintainer", told=True),
}


def _cancel(world):
    job_actions.cancel_job(world.jobs["build"].pk)


def _change_schedule(world):
    schedule_actions.update_schedule(world.schedule.pk, description="other")


#: Field -> its use, and something that happens to what is followed.
SUBSCRIPTIONS = {
    "ciPipelineStatusUpdated": ('ciPipelineStatusUpdated(pipelineId: "%(pipeline)s") { id }', _cancel),
    "ciPipelineStatusesUpdated": ('ciPipelineStatusesUpdated(projectId: "%(project)s") { id }', _cancel),
    "ciJobStatusUpdated": ('ciJobStatusUpdated(jobId: "%(build)s") { id }', _cancel),
    "ciJobProcessed": ('ciJobProcessed(projectId: "%(project)s") { id }', _cancel),
    "ciStageUpdated": ('ciStageUpdated(stageId: "%(stage)s") { id }', _cancel),
    "ciPipelineScheduleStatusUpdated": (
        'ciPipelineScheduleStatusUpdated(projectId: "%(project)s") { id }',
        _change_schedule,
    ),
}


@pytest.mark.parametrize(
    ("root", "cases"), [("Query", QUERIES), ("Mutation", MUTATIONS), ("Subscription", SUBSCRIPTIONS)]
)
def test_every_root_field_has_a_case(root, cases):
    assert cases.keys() == schema._schema.type_map[root].fields.keys()


def got(answer, field):
    """What a caller got of a field: nothing is null, or a page without items."""
    value = answer["data"][field]
    return value if not isinstance(value, dict) or value.get("nodes") != [] else None


@pytest.mark.django_db
@pytest.mark.parametrize("field", QUERIES)
def test_queries(field):
    world = World()
    use, seen_by = QUERIES[field]
    document = "{ %s }" % (use % world.ids())
    before = everything()
    seen = [
        caller
        for caller in CALLERS
        if got(world.client(caller, ["read_api"]).execute(document), field) is not None
    ]
    assert seen == list(seen_by)
    assert everything() == before


@pytest.mark.django_db
@pytest.mark.parametrize("field", MUTATIONS)
def test_mutations(field):
    world = World()
    change = MUTATIONS[field]
    given = change.input % world.ids()
    document = f"mutation {{ {field}(input: {{{given}}}) {{ errors }} }}"
    before = everything()
    powerless = [(caller, ["api"]) for caller in CALLERS[: CALLERS.index(change.role)]]
    powerless += [(caller, ["read_api"]) for caller in (change.role, "owner", "admin")]
    for caller, scopes in powerless:
        answer = world.client(caller, scopes).execute(document)
        if change.told:
            assert answer["data"][field]["errors"], caller
        else:
            assert answer["data"] == {field: None}, caller
            assert [error["message"] for error in answer["errors"]] == [UNAVAILABLE_MESSAGE], caller
        assert everything() == before, caller
    assert world.client(change.role).data(document) == {field: {"errors": []}}
    assert (everything() != before) is change.changes


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", SUBSCRIPTIONS)
def test_subscriptions(field):
    world = World()
    use, happens = SUBSCRIPTIONS[field]
    document = "subscription { %s }" % (use % world.ids())
    guest, stranger = (access_token(world.users[caller], ["read_api"]) for caller in ("guest", "stranger"))

    async def scenario():
        async with (
            GraphQLSocket(guest) as seeing,
            GraphQLSocket(stranger) as blind,
            GraphQLSocket() as nobody,
        ):
            await seeing.subscribe("a", document)
            refused = []
            for socket in (blind, nobody):
                await socket.subscribe("a", document)
                refused.append(await socket.receive())
            await elsewhere(happens, world)
            told = await seeing.next("a")
            await blind.quiet()
            await nobody.quiet()
            return told, refused

    told, refused = run(scenario)
    assert told["data"][field]["id"]
    for message in refused:
        assert message["type"] == "error"
        assert [error["message"] for error in message["payload"]] == [UNAVAILABLE_MESSAGE]
