"""Pipeline.at, an extension: the pipeline as it was at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ci_core import clock
from ci_core.actions import jobs as actions
from ci_core.models import Pipeline
from tests.factories import UserFactory, member, pipeline_with
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import fail, job_of, succeed
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

START = datetime(2026, 3, 1, tzinfo=UTC)
CONFIG = "a: {stage: build, script: x}\nb: {script: x}\nc: {script: x, when: manual}\n"
AT = """query($path: ID!, $time: Time!) { project(fullPath: $path) { pipelines { nodes { at(time: $time) {
  time status stages { nodes { status stage { name } } } jobs { nodes { status job { id name } } }
} } } } }"""


@pytest.fixture
def hour(monkeypatch):
    """Sets the clock to an hour."""

    def to(number):
        monkeypatch.setattr(clock, "now", lambda: START + timedelta(hours=number))

    to(0)
    return to


def at(pipeline, hours, client=None):
    client = client or as_user(member(pipeline.project))
    time = (START + timedelta(hours=hours)).isoformat()
    (node,) = client.data(AT, path=pipeline.project.full_path, time=time)["project"]["pipelines"]["nodes"]
    return node["at"]


def statuses(found):
    return {node["job"]["name"]: node["status"] for node in found["jobs"]["nodes"]}


def test_each_status_at_its_time(hour):
    hour(1)
    pipeline = pipeline_with(CONFIG)
    hour(2)
    succeed("a")
    hour(3)
    fail("b")
    assert at(pipeline, 0.5) is None
    found = at(pipeline, 1)
    assert (found["status"], statuses(found)) == ("PENDING", {"a": "PENDING", "b": "CREATED", "c": "CREATED"})
    assert [(node["stage"]["name"], node["status"]) for node in found["stages"]["nodes"]] == [
        ("build", "pending"),
        ("test", "created"),
    ]
    found = at(pipeline, 2.5)
    assert (found["time"], found["status"]) == ("2026-03-01T02:30:00Z", "RUNNING")
    assert statuses(found) == {"a": "SUCCESS", "b": "PENDING", "c": "MANUAL"}
    found = at(pipeline, 9)
    assert (found["status"], statuses(found)["b"]) == ("FAILED", "FAILED")
    assert found["stages"]["nodes"][1]["status"] == "failed"


def test_copies_that_were_there_already(hour):
    pipeline = pipeline_with(CONFIG)
    succeed("a")
    fail("b")
    first = job_of(pipeline, "b")
    hour(1)
    second = actions.retry_job(first.pk, acting_user=None)

    def shown(hours):
        (node,) = [node for node in at(pipeline, hours)["jobs"]["nodes"] if node["job"]["name"] == "b"]
        return node["job"]["id"].rpartition("/")[2], node["status"]

    assert shown(0.5) == (str(first.pk), "FAILED")
    assert shown(1) == (str(second.pk), "PENDING")


def test_pages(hour):
    pipeline = pipeline_with(CONFIG, visibility="public")
    document = """query($path: ID!, $after: String) { project(fullPath: $path) { pipeline(iid: "1") {
      at(time: "2026-03-01T00:00:00Z") { jobs(first: 2, after: $after) {
        nodes { job { name } } pageInfo { endCursor hasNextPage } } } } } }"""
    path = pipeline.project.full_path
    page = as_anonymous().data(document, path=path)["project"]["pipeline"]["at"]["jobs"]
    assert [node["job"]["name"] for node in page["nodes"]] == ["a", "b"]
    rest = as_anonymous().data(document, path=path, after=page["pageInfo"]["endCursor"])
    assert [node["job"]["name"] for node in rest["project"]["pipeline"]["at"]["jobs"]["nodes"]] == ["c"]


def test_who_may_not(hour):
    pipeline = pipeline_with(CONFIG)
    for client in (as_anonymous(), as_user(UserFactory())):
        assert client.data(AT, path=pipeline.project.full_path, time="2026-03-01") == {"project": None}


def test_statements_do_not_depend_on_rows():
    client = as_user(UserFactory(is_superuser=True))
    document = """{ projects { nodes { pipelines { nodes { at(time: "2100-01-01") {
      status stages { nodes { status stage { id } } } jobs { nodes { status job { name } } } } } } } } }"""

    def grow(size):
        for _ in range(Pipeline.objects.count(), size):
            pipeline_with(CONFIG)

    assert_same_count("pipeline.at", lambda: client.data(document), grow, (1, 10))
