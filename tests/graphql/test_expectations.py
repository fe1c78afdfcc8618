"""A request that comes again asks the database at once for what it asked before, and is answered as the first time."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync

from ci_core import clock, prepared
from ci_core.models import PersonalAccessToken
from config import direct
from graphql_api import expectations
from graphql_api.execution.executor import BreadthFirst
from graphql_api.node_ids import global_id
from graphql_api.recent import Recent
from graphql_api.schema import schema
from tests.factories import UserFactory, member, pipeline_with
from tests.support.asgi_client import ask, bearer, session_of
from tests.support.jobs import job_of

pytestmark = pytest.mark.django_db(transaction=True)

GRAPH = """
query graph($path: ID!, $iid: ID!) {
  project(fullPath: $path) {
    pipeline(iid: $iid) { status jobs { nodes { name status stage { name } artifacts { nodes { name } } } } }
  }
}
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """Nothing is expected yet, and the executor is the one that is served."""
    monkeypatch.setattr(expectations, "_RECENT", Recent(expectations.REMEMBERED_BYTES))
    monkeypatch.setattr(schema, "execution_context_class", BreadthFirst)


@pytest.fixture
def messages(monkeypatch):
    """The statements of each message that goes to PostgreSQL past Django's cursor."""
    sent, run = [], prepared._run

    def note(sql, *rest):
        sent.append(sql.split(prepared.BETWEEN))
        return run(sql, *rest)

    monkeypatch.setattr(prepared, "_run", note)
    return sent


@pytest.fixture
def pipeline():
    """A pipeline with three jobs, in a project that only its members see."""
    return pipeline_with(
        {name: {"script": ["true"]} for name in ("one", "two", "three")}, visibility="private"
    )


@pytest.fixture
def key(pipeline):
    """The header of a member's token."""
    return bearer(member(pipeline.project))


def posted(key, pipeline, document=GRAPH):
    """Status, data and errors of the answer."""
    path, iid = pipeline.project.full_path, str(pipeline.iid)
    status, _, body = async_to_sync(ask)([key], document, path=path, iid=iid)
    return status, body.get("data"), body.get("errors")


def jobs_in(answer):
    """The names and the status of the jobs in an answer."""
    return {job["name"]: job["status"] for job in answer[1]["project"]["pipeline"]["jobs"]["nodes"]}


def test_the_third_time_all_is_asked_in_one_message(key, pipeline, messages):
    first = posted(key, pipeline)
    assert len(jobs_in(first)) == 3
    statements, one_by_one = [statement for message in messages for statement in message], len(messages)
    assert one_by_one > 3
    assert posted(key, pipeline) == first
    assert len(messages) == 2 * one_by_one
    messages.clear()
    assert posted(key, pipeline) == first
    assert messages == [statements]


def test_a_session_is_looked_up_in_that_message_too(pipeline, messages):
    user = member(pipeline.project)
    headers = session_of(user)
    for _ in range(3):
        messages.clear()
        status, _, body = async_to_sync(ask)(headers)
        assert (status, body["data"]) == (200, {"currentUser": {"username": user.username}})
    assert len(messages) == 1


def test_what_has_changed_is_told(key, pipeline, messages):
    for _ in range(3):
        posted(key, pipeline)
    pipeline.jobs.filter(name="one").update(status="running")
    job_of(pipeline, "two").delete()
    assert jobs_in(posted(key, pipeline)) == {"one": "RUNNING", "three": "PENDING"}


def test_what_was_asked_in_vain_is_not_asked_again(key, pipeline, messages):
    for _ in range(3):
        posted(key, pipeline)
    job_of(pipeline, "two").delete()
    messages.clear()
    posted(key, pipeline)
    in_vain = len(messages)
    assert in_vain > 1, "The artifacts of other jobs are asked for."
    for _ in range(2):
        posted(key, pipeline)
    messages.clear()
    posted(key, pipeline)
    assert len(messages) == 1


def test_who_has_lost_access_is_told_nothing(key, pipeline, messages):
    for _ in range(3):
        posted(key, pipeline)
    pipeline.project.memberships.all().delete()
    status, data, _ = posted(key, pipeline)
    assert (status, data) == (200, {"project": None})
    posted(key, pipeline)
    messages.clear()
    assert posted(key, pipeline)[1] == {"project": None}
    assert len(messages) == 1 and len(messages[0]) == 2, "Nothing beyond the token and the project is read."


def test_a_token_that_was_revoked_opens_nothing_and_nothing_is_expected_of_it(key, pipeline, messages):
    for _ in range(3):
        posted(key, pipeline)
    PersonalAccessToken.objects.update(revoked_at=clock.now())
    assert posted(key, pipeline)[:2] == (401, None)
    messages.clear()
    assert posted(key, pipeline)[:2] == (401, None)
    assert [len(message) for message in messages] == [1], "Only the token is looked up."


def test_nothing_is_expected_of_another_caller(key, pipeline, messages):
    for _ in range(3):
        posted(key, pipeline)
    messages.clear()
    stranger = bearer(UserFactory())
    assert posted(stranger, pipeline)[1] == {"project": None}
    assert [len(message) for message in messages] == [1, 1]


def test_a_caller_with_too_many_requests_makes_no_work(key, pipeline, messages, settings):
    for _ in range(3):
        posted(key, pipeline)
    settings.PIPEYARD_GRAPHQL_RATE_LIMIT = 1
    assert posted(key, pipeline)[0] == 429
    messages.clear()
    assert posted(key, pipeline)[0] == 429
    assert [len(message) for message in messages] == [1]


def test_it_can_be_switched_off(key, pipeline, messages, settings):
    settings.PIPEYARD_GRAPHQL_EXPECT = False
    posted(key, pipeline)
    first = len(messages)
    for _ in range(3):
        posted(key, pipeline)
    assert len(messages) == 4 * first > 8


def test_nothing_is_expected_of_a_mutation(key, pipeline, messages):
    id_ = global_id("Ci::Pipeline", pipeline.pk)
    document = f'mutation {{ pipelineCancel(input: {{id: "{id_}"}}) {{ errors }} }}'
    for _ in range(4):
        messages.clear()
        assert posted(key, pipeline, document)[0] == 200
        assert len(messages[0]) == 1, "The token by itself."
    assert {job.status for job in pipeline.jobs.all()} == {"canceled"}


def test_requests_that_are_mistaken_for_each_other_are_answered_right(monkeypatch, key, pipeline):
    """Whatever is expected, each takes only what it would read itself."""
    other = pipeline_with({"other": {"script": ["true"]}}, visibility="private")
    keys = {pipeline: key, other: bearer(member(other.project))}
    right = {asked: posted(keys[asked], asked) for asked in keys}
    monkeypatch.setattr(direct, "hash", lambda key: 1, raising=False)
    for asked in [pipeline, pipeline, pipeline, other, pipeline, other, other, other, pipeline]:
        assert posted(keys[asked], asked) == right[asked]


def test_a_process_remembers_no_more_than_it_may(monkeypatch, key, pipeline):
    monkeypatch.setattr(expectations, "_RECENT", Recent(1))
    first = posted(key, pipeline)
    assert [posted(key, pipeline) for _ in range(3)] == [first] * 3
    assert expectations._RECENT.get(1) is None
