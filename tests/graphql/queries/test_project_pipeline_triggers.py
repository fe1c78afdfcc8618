"""Project.pipelineTriggers, and what tells that a token created a pipeline."""

from __future__ import annotations

import pytest

from ci_core import clock
from ci_core.actions.jobs import fail_job
from ci_core.actions.trigger_tokens import TriggerRequest, trigger_pipeline
from ci_core.actions.users import update_user
from ci_core.models import DownstreamPipeline, Job, PipelineTrigger
from ci_core.statuses import AccessLevel, FailureReason
from ci_core.tokens import job_token
from tests.factories import ProjectFactory, UserFactory, member
from tests.graphql.mutations.triggers import gid, maintainer, shop, trigger
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.jobs import take
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

ALL = """
query($first: Int, $after: String) {
  project(fullPath: "group/shop") { pipelineTriggers(first: $first, after: $after) {
    count pageInfo { endCursor hasNextPage }
    nodes {
      id description owner { username } token hasTokenExposed canAccessProject lastUsed expiresAt
  } } }
}
"""


@pytest.fixture
def project():
    return shop()


@pytest.fixture
def ada(project):
    return maintainer(project, username="ada")


def listed(user, **variables):
    return as_user(user).data(ALL, **variables)["project"]["pipelineTriggers"]


def test_all_fields_and_no_secret(project, ada):
    made = trigger(project, ada, expires_at=clock.now().replace(year=2100, microsecond=0))
    PipelineTrigger.objects.update(last_used_at=made.created_at)
    trigger(ProjectFactory())
    found = listed(maintainer(project))
    assert found["count"] == 1
    assert found["nodes"] == [
        {
            "id": gid(made),
            "description": "deploy",
            "owner": {"username": "ada"},
            "token": made.new_token[6:10],
            "hasTokenExposed": False,
            "canAccessProject": True,
            "lastUsed": made.created_at.isoformat().replace("+00:00", "Z"),
            "expiresAt": made.expires_at.isoformat().replace("+00:00", "Z"),
        }
    ]


def test_pages_newest_first(project, ada):
    made = [gid(trigger(project, ada)) for _ in range(3)]
    first = listed(ada, first=2)
    rest = listed(ada, first=2, after=first["pageInfo"]["endCursor"])
    assert [node["id"] for node in first["nodes"] + rest["nodes"]] == made[::-1]
    assert (first["count"], rest["pageInfo"]["hasNextPage"]) == (3, False)


def test_whose_owner_may_still_use_it(project, ada):
    blocked, demoted, gone = (maintainer(project) for _ in range(3))
    admin = UserFactory(is_superuser=True)
    made = {gid(trigger(project, owner)): owner for owner in (ada, blocked, demoted, gone, admin)}
    update_user(blocked, is_active=False)
    project.memberships.filter(user=demoted).update(access_level=AccessLevel.REPORTER)
    project.memberships.filter(user=gone).delete()
    may = {made[node["id"]]: node["canAccessProject"] for node in listed(ada)["nodes"]}
    assert may == {ada: True, blocked: False, demoted: False, gone: False, admin: True}


def test_who_sees_them(project, ada):
    trigger(project, ada)
    assert len(listed(member(project, AccessLevel.OWNER))["nodes"]) == 1
    others = [UserFactory(), *(member(project, level) for level in (10, 20, 30))]
    for client in (as_anonymous(), *(as_user(other) for other in others)):
        assert client.data(ALL)["project"] == {"pipelineTriggers": None}


def test_counts(project, ada):
    def grow(size):
        while PipelineTrigger.objects.count() < size:
            trigger(project)

    assert_same_count("project pipeline triggers", lambda: listed(ada), grow)


ORIGIN = """
query($iid: ID) {
  project(fullPath: "group/shop") { pipeline(iid: $iid) {
    source trigger child triggeredByPath upstream { iid } sourceJob { name downstreamPipeline { iid } }
    downstream { nodes { iid } }
    jobs { nodes { triggered source ... on CiJobInterface { triggered } } }
  } }
}
"""


def origin(ada, pipeline):
    return as_user(ada).data(ORIGIN, iid=str(pipeline.iid))["project"]["pipeline"]


def test_a_pipeline_of_a_trigger_token_says_so(project, ada):
    token = trigger(project, ada).new_token
    made = origin(ada, trigger_pipeline(TriggerRequest("group/shop", token, "main"), address=None))
    assert made == {
        "source": "trigger",
        "trigger": True,
        "child": False,
        "triggeredByPath": None,
        "upstream": None,
        "sourceJob": None,
        "downstream": {"nodes": []},
        "jobs": {"nodes": [{"triggered": True, "source": "trigger"}]},
    }


def test_a_pipeline_of_a_job_token_has_an_upstream(project, ada):
    first = trigger_pipeline(
        TriggerRequest("group/shop", trigger(project, ada).new_token, "main"), address=None
    )
    job = take()
    asked = TriggerRequest("group/shop", job_token(job), "main")
    made = [trigger_pipeline(asked, address=None) for _ in range(2)]
    for pipeline in made:
        assert origin(ada, pipeline) == {
            "source": "pipeline",
            "trigger": False,
            "child": False,
            "triggeredByPath": f"/group/shop/-/pipelines/{first.pk}",
            "upstream": {"iid": "1"},
            "sourceJob": {"name": "build", "downstreamPipeline": None},
            "downstream": {"nodes": []},
            "jobs": {"nodes": [{"triggered": False, "source": "pipeline"}]},
        }
    assert origin(ada, first)["downstream"] == {"nodes": [{"iid": "2"}, {"iid": "3"}]}
    fail_job(job.pk, FailureReason.UNKNOWN_FAILURE)
    assert Job.objects.by_ids([job.pk]).get().status == "failed"
    assert DownstreamPipeline.objects.count() == 2
