"""The HTTP door: keys, CSRF, methods and bad requests; what is refused is clear, and changes nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ci_core import clock, tokens
from ci_core.models import Job, PersonalAccessToken, Pipeline
from tests.factories import UserFactory, member, pipeline_with, project_with
from tests.support.graphql_client import GraphQLClient, access_token, as_anonymous, as_session, as_user
from tests.support.jobs import take

pytestmark = pytest.mark.django_db

WHO = "{ currentUser { username } }"
CREATE = 'mutation { pipelineCreate(input: {projectPath: "group/shop", ref: "main"}) { errors } }'


@pytest.fixture
def project():
    return project_with("build: {script: x}", full_path="group/shop")


def refusal(client, document=WHO):
    response = client.post(document)
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    (error,) = response.json()["errors"]
    assert error["extensions"] == {"code": "unauthenticated"}
    return error["message"]


@pytest.mark.parametrize(
    "header", ["Authorization: Bearer {}", "authorization: bearer {}", "PRIVATE-TOKEN: {}"]
)
def test_token_headers(header):
    name, value = header.split(": ")
    user = UserFactory(username="ada")
    client = GraphQLClient({name: value.format(access_token(user))})
    assert client.data(WHO) == {"currentUser": {"username": "ada"}}


@pytest.mark.parametrize(
    "header", ["Authorization: Basic YTpi", "Authorization: Bearer ", "Authorization: x"]
)
def test_other_authorization_is_refused(header):
    name, value = header.split(": ")
    assert refusal(GraphQLClient({name: value})).startswith("The Authorization header must be")


def test_unknown_token_is_refused_rather_than_anonymous():
    assert refusal(GraphQLClient({"PRIVATE-TOKEN": "glpat-none"})).startswith("The token is not known here")


@pytest.mark.parametrize("change", ["expired", "revoked", "inactive owner", "other scope"])
def test_token_that_opens_nothing(change, project):
    user = member(project)
    token = access_token(user, lives=timedelta(seconds=-1) if change == "expired" else None)
    if change == "revoked":
        PersonalAccessToken.objects.update(revoked_at=clock.now())
    if change == "inactive owner":
        type(user).objects.filter(pk=user.pk).update(is_active=False)
    if change == "other scope":
        PersonalAccessToken.objects.update(scopes=["read_user"])
    client = GraphQLClient({"Authorization": f"Bearer {token}"})
    refusal(client)
    refusal(client, CREATE)
    assert Pipeline.objects.count() == 0


def test_token_in_the_url_is_not_looked_at(project):
    token = access_token(member(project))
    response = as_anonymous().http.get("/api/graphql", {"query": WHO, "private_token": token})
    assert response.json()["data"] == {"currentUser": None}


@pytest.mark.parametrize("header", ["Authorization: Bearer {}", "PRIVATE-TOKEN: {}", "JOB-TOKEN: {}"])
def test_job_tokens_are_refused(header):
    pipeline = pipeline_with({"build": {"script": "x"}})
    job = take()
    name, value = header.split(": ")
    client = GraphQLClient({name: value.format(tokens.job_token(job))})
    assert refusal(client).startswith("Job tokens do not open the GraphQL API")
    cancel = f'mutation {{ jobCancel(input: {{id: "gid://gitlab/Ci::Build/{job.pk}"}}) {{ errors }} }}'
    refusal(client, cancel)
    assert Job.objects.in_pipeline(pipeline.pk).get().status == "running"


def test_session_needs_the_csrf_token_to_post(project):
    client = as_session(member(project))
    del client.headers["X-CSRFToken"]
    response = client.post(CREATE)
    assert response.status_code == 403
    assert "was not trusted" in response.json()["errors"][0]["message"]
    assert Pipeline.objects.count() == 0
    assert client.http.get("/api/graphql", {"query": WHO}).json()["data"]["currentUser"] is not None


def test_session_with_a_wrong_csrf_token(project):
    client = as_session(member(project))
    client.headers["X-CSRFToken"] = "x" * 32
    assert client.post(CREATE).status_code == 403
    assert Pipeline.objects.count() == 0


def test_token_needs_no_csrf_token_and_wins_over_a_session(project):
    client = as_session(UserFactory(username="grace"))
    client.headers = {"Authorization": f"Bearer {access_token(member(project, username='ada'))}"}
    assert client.data(WHO) == {"currentUser": {"username": "ada"}}
    assert client.data(CREATE) == {"pipelineCreate": {"errors": []}}


def test_session_of_somebody_who_was_locked_out(project):
    user = member(project)
    client = as_session(user)
    type(user).objects.filter(pk=user.pk).update(is_active=False)
    assert client.data(WHO) == {"currentUser": None}


def test_note_of_the_last_use():
    user = UserFactory()
    as_user(user).data(WHO)
    assert PersonalAccessToken.objects.get().last_used_at is not None


def test_get_answers_queries_only(project):
    client = as_user(member(project))
    assert client.http.get("/api/graphql", {"query": WHO}, headers=client.headers).status_code == 200
    response = client.http.get("/api/graphql", {"query": CREATE}, headers=client.headers)
    assert response.status_code == 405
    assert Pipeline.objects.count() == 0


def test_subscriptions_need_a_socket():
    document = 'subscription { ciJobStatusUpdated(jobId: "gid://gitlab/Ci::Build/1") { id } }'
    assert as_anonymous().error(document).startswith("Subscriptions are served over WebSocket only")


def test_browsers_are_sent_to_the_explorer():
    response = as_anonymous().http.get("/api/graphql", headers={"accept": "text/html,*/*"})
    assert (response.status_code, response["Location"]) == (302, "/-/graphql-explorer")


def test_request_id_is_told():
    response = as_anonymous().post(WHO)
    assert len(response["X-Request-Id"]) >= 8
