"""Documents drawn from the schema at random: both executors answer them alike."""

from __future__ import annotations

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from graphql import GraphQLScalarType, parse, print_ast, visit
from graphql.language import ArgumentNode, StringValueNode, Visitor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from ci_core import clock, prepared
from ci_core.access import Principal
from ci_core.actions.environments import create_environment
from ci_core.actions.schedules import create_schedule
from ci_core.models import Environment, PipelineSchedule, ProjectVariable
from ci_core.statuses import AccessLevel
from graphql_api.context import Context
from graphql_api.execution.executor import BreadthFirst
from graphql_api.execution.straight import carried_out
from graphql_api.expectations import asking_again
from graphql_api.http.reading import Operation
from graphql_api.schema import schema
from tests.factories import member, pipeline_with, runner_with_token
from tests.support.executors import both_executors
from tests.support.jobs import artifact, fail, job_of, log, succeed, take

CONFIG = {
    "stages": ["build", "test", "deploy"],
    "build": {"stage": "build", "script": "x"},
    "test": {"stage": "test", "script": "x", "needs": ["build"], "parallel": 2},
    "lint": {"stage": "test", "script": "x", "allow_failure": True, "tags": ["linux", "docker"]},
    "review": {"stage": "deploy", "script": "x", "when": "manual", "environment": {"name": "review/a"}},
}
BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}
SCALARS = [
    name
    for name, type_ in schema._schema.type_map.items()
    if isinstance(type_, GraphQLScalarType) and name not in BUILT_IN
]
#: What stands in a drawn document for the ids of what there is.
IDS = {
    "JobID": "Ci::Build",
    "CiPipelineID": "Ci::Pipeline",
    "CiRunnerID": "Ci::Runner",
    "CiStageID": "Ci::Stage",
    "ProjectID": "Project",
    "CiPipelineScheduleID": "Ci::PipelineSchedule",
    "EnvironmentID": "Environment",
}
VALUES = {
    "Time": st.sampled_from(["2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"]),
    **{name: st.sampled_from([f"@{model}", f"gid://gitlab/{model}/1"]) for name, model in IDS.items()},
}
DOCUMENTS = queries(
    schema.as_str(),
    custom_scalars={name: VALUES.get(name, st.just("1")).map(nodes.String) for name in SCALARS},
    allow_x00=False,
)


class Pointed(Visitor):
    """Lets a document lead to what there is."""

    def __init__(self, here: dict[str, str]) -> None:
        super().__init__()
        self.here = here

    def enter_argument(self, node: ArgumentNode, *_: Any) -> ArgumentNode | None:
        """Replaces an argument that names something."""
        name = node.name.value
        value = getattr(node.value, "value", None)
        if name in self.here:
            return ArgumentNode(name=node.name, value=StringValueNode(value=self.here[name]))
        if isinstance(value, str) and value in self.here:
            return ArgumentNode(name=node.name, value=StringValueNode(value=self.here[value]))
        return None


@pytest.fixture
def here() -> tuple[Principal, dict[str, str]]:
    """Somebody who may do everything in a project that has something of each kind, and what it has."""
    pipeline = pipeline_with(CONFIG)
    project = pipeline.project
    runner, _ = runner_with_token(tags=["linux", "docker"], run_untagged=True)
    succeed("build", runner=runner)
    running = take(runner)
    log(running, b"first\n", b"\x1b[31msecond\x1b[0m\n")
    artifact(running)
    fail(take_name := "test 2/2" if running.name != "test 2/2" else "test 1/2", runner)
    owner = member(project, AccessLevel.OWNER)
    create_environment(project, name="staging/b")
    create_schedule(
        project, acting_user=owner, description="nightly", ref="main", cron="0 3 * * *", cron_timezone="UTC"
    )
    ProjectVariable.objects.create(project=project, key="KEY", value="value")
    rows = {
        "Ci::Build": job_of(pipeline, take_name),
        "Ci::Pipeline": pipeline,
        "Ci::Runner": runner,
        "Ci::Stage": pipeline.stages.first(),
        "Project": project,
        "Ci::PipelineSchedule": PipelineSchedule.objects.get(),
        "Environment": Environment.objects.get(name="staging/b"),
    }
    ids = {f"@{model}": f"gid://gitlab/{model}/{row.pk}" for model, row in rows.items()}
    return Principal(owner), {"fullPath": project.full_path, "iid": str(pipeline.iid), **ids}


@pytest.mark.django_db
def test_both_executors_answer_alike(here):
    principal, values = here

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
    @given(DOCUMENTS)
    def answers(drawn: str) -> None:
        document = print_ast(visit(parse(drawn), Pointed(values)))
        with both_executors(schema) as executor, transaction.atomic():
            before = executor.compared
            answer = async_to_sync(schema.execute)(document, context_value=Context(principal))
            assert executor.compared == before + 1, answer.errors

    answers()


@pytest.mark.django_db(transaction=True)
def test_asked_again_they_are_answered_alike(here, monkeypatch):
    """With the statements of the first two times sent at once, the answer is the one without."""
    principal, values = here
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)
    monkeypatch.setattr(schema, "execution_context_class", BreadthFirst)
    sent, send = [], prepared._send
    monkeypatch.setattr(
        prepared,
        "_send",
        lambda expected, statements: sent.append(len(statements)) or send(expected, statements),
    )

    def answer(document: str) -> Any:
        result = carried_out(schema, Operation(document), Context(principal))
        return result and (result.data, [error.formatted for error in result.errors or ()])

    def expected_answer(document: str) -> Any:
        with asking_again(document, lambda: None):
            return answer(document)

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(DOCUMENTS)
    def answers(drawn: str) -> None:
        document = print_ast(visit(parse(drawn), Pointed(values)))
        plain = answer(document)
        assert [expected_answer(document) for _ in range(4)] == [plain] * 4

    answers()
    assert max(sent) > 1
