"""Mutation.artifactDestroy."""

from __future__ import annotations

import pytest

from ci_core.models import Artifact
from ci_core.statuses import AccessLevel
from tests.factories import member, pipeline_with
from tests.graphql.mutations.callers import assert_powerless
from tests.support.graphql_client import as_user
from tests.support.jobs import artifact, job_of

pytestmark = pytest.mark.django_db

DESTROY = "mutation($input: ArtifactDestroyInput!) { artifactDestroy(input: $input) { errors artifact { id name } } }"


@pytest.fixture
def made():
    return artifact(job_of(pipeline_with({"build": {"script": "x"}}, visibility="public"), "build"))


def gid(row):
    return f"gid://gitlab/Ci::JobArtifact/{row.pk}"


def test_destroys_once(made):
    client = as_user(member(made.project, AccessLevel.MAINTAINER))
    found = client.data(DESTROY, input={"id": gid(made)})["artifactDestroy"]
    assert found == {"errors": [], "artifact": {"id": gid(made), "name": "archive.zip"}}
    assert Artifact.objects.count() == 0
    assert client.execute(DESTROY, input={"id": gid(made)})["data"] == {"artifactDestroy": None}


def test_who_may_not(made):
    assert_powerless(made.project, "artifactDestroy", DESTROY, {"id": gid(made)}, Artifact.objects.count)
