"""Query.ciPipelineStage."""

from __future__ import annotations

import pytest

from ci_core.models import Stage
from tests.factories import UserFactory, member, pipeline_with
from tests.support.graphql_client import as_anonymous, as_user

pytestmark = pytest.mark.django_db

ASK = "query($id: CiStageID!) { ciPipelineStage(id: $id) { id name status jobs { nodes { name } } } }"


@pytest.fixture
def stage():
    pipeline = pipeline_with({"build": {"script": "make"}, "lint": {"script": "x"}})
    return Stage.objects.in_pipeline(pipeline.pk).get()


def ask(client, stage):
    return client.data(ASK, id=f"gid://gitlab/Ci::Stage/{stage.pk}")["ciPipelineStage"]


def test_members_see_it(stage):
    assert ask(as_user(member(stage.pipeline.project, 10)), stage) == {
        "id": f"gid://gitlab/Ci::Stage/{stage.pk}",
        "name": "test",
        "status": "pending",
        "jobs": {"nodes": [{"name": "build"}, {"name": "lint"}]},
    }


def test_others_do_not(stage):
    assert ask(as_anonymous(), stage) is None
    assert ask(as_user(UserFactory()), stage) is None


def test_no_such_stage(stage):
    found = as_user(member(stage.pipeline.project)).data(ASK, id=f"gid://gitlab/Ci::Stage/{stage.pk + 9}")
    assert found == {"ciPipelineStage": None}


def test_id_of_another_kind(stage):
    assert "is not an ID of Ci::Stage" in as_anonymous().error(ASK, id="gid://gitlab/Ci::Pipeline/1")
