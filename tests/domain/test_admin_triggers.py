"""Trigger tokens in the support desk: who makes and revokes them, and what a pipeline's page tells of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from ci_core import clock
from ci_core.actions.trigger_tokens import TriggerRequest, create_trigger, delete_trigger, trigger_pipeline
from ci_core.models import Pipeline, PipelineTrigger, Project, User
from ci_core.statuses import AccessLevel
from ci_core.tokens import digest, job_token
from tests.factories import ProjectFactory, member
from tests.support.desk import signed_in, staff, url
from tests.support.jobs import take

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def browser() -> Client:
    return signed_in(staff(superuser=True, username="boss"))


@pytest.fixture
def project() -> Project:
    made: Project = ProjectFactory(full_path="group/shop")
    return made


@pytest.fixture
def ada(project: Project) -> User:
    return member(project, AccessLevel.MAINTAINER, username="ada")


def entered(project: Project, owner: User, **more: Any) -> dict[str, Any]:
    return {"project": project.pk, "owner": owner.pk, "description": "deploy", **more}


def page(browser: Client, address: str) -> str:
    response = browser.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_a_token_is_made_shown_once_and_revoked(browser: Client, project: Project, ada: User) -> None:
    response = browser.post(url(PipelineTrigger, "add"), entered(project, ada))
    assert response.status_code == 302, response.content.decode()
    trigger = PipelineTrigger.objects.get()
    assert (trigger.owner, trigger.description, trigger.expires_at) == (ada, "deploy", None)
    (message,) = [str(each) for each in get_messages(response.wsgi_request) if "glptt-" in str(each)]
    token = message.partition("<code>")[2].partition("</code>")[0]
    assert digest(token) == trigger.digest
    browser.get(url(trigger, "change"))
    for address in (url(PipelineTrigger), url(trigger, "change"), url(trigger, "history")):
        text = page(browser, address)
        assert token not in text
        assert trigger.digest not in text
    assert f"glptt-{trigger.short_token}…" in page(browser, url(PipelineTrigger))
    assert browser.post(url(trigger, "change"), {"description": "x"}).status_code == 403
    assert browser.post(url(trigger, "delete"), {"post": "yes"}).status_code == 302
    assert not PipelineTrigger.objects.exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"description": " "}, "This field is required."),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}, "would have expired already"),
    ],
)
def test_what_is_refused(browser: Client, project: Project, ada: User, more: Any, words: str) -> None:
    response = browser.post(url(PipelineTrigger, "add"), entered(project, ada, **more))
    assert response.status_code == 200
    assert words in response.content.decode()
    assert not PipelineTrigger.objects.exists()


def test_an_owner_must_be_a_maintainer(browser: Client, project: Project) -> None:
    response = browser.post(url(PipelineTrigger, "add"), entered(project, member(project, username="bob")))
    assert "bob is no maintainer of group/shop" in response.content.decode()
    assert not PipelineTrigger.objects.exists()


def test_only_superusers_make_tokens_of_others(project: Project, ada: User) -> None:
    helper = staff("add_pipelinetrigger", "view_pipelinetrigger", "view_project", "view_user")
    project.memberships.create(user=helper, access_level=AccessLevel.MAINTAINER)
    client = signed_in(helper)
    response = client.post(url(PipelineTrigger, "add"), entered(project, ada))
    assert "Only superusers make trigger tokens of other users." in response.content.decode()
    assert client.post(url(PipelineTrigger, "add"), entered(project, helper)).status_code == 302
    assert PipelineTrigger.objects.get().owner == helper


def test_lists_by_state_project_and_owner(browser: Client, project: Project, ada: User) -> None:
    good = create_trigger(project, acting_user=ada, description="good one")
    late = create_trigger(project, acting_user=ada, description="late one")
    PipelineTrigger.objects.filter(pk=late.pk).update(expires_at=clock.now() - timedelta(days=1))
    for query, shown, hidden in (
        ("?state=active", "good one", "late one"),
        ("?state=expired", "late one", "good one"),
        ("?owner=ada&q=good", "good one", "late one"),
        (f"?q={late.short_token}", "late one", "nothing"),
        ("?project=group/shop&q=good", "good one", "late one"),
    ):
        text = page(browser, url(PipelineTrigger) + query)
        assert shown in text, query
        assert hidden not in text, query
    assert "good one" not in page(browser, url(PipelineTrigger) + "?owner=nobody")
    assert "may run pipelines of the project" in page(browser, url(good, "change"))
    project.memberships.filter(user=ada).delete()
    assert "the token creates none" in page(browser, url(good, "change"))


def test_a_pipeline_tells_which_token_created_it(browser: Client, project: Project, ada: User) -> None:
    trigger = create_trigger(project, acting_user=ada, description="deploy")
    asked = TriggerRequest("group/shop", trigger.new_token or "", "main")
    pipeline = trigger_pipeline(asked, address=None)
    text = page(browser, url(pipeline, "change"))
    assert url(trigger, "change") in text
    assert f"{trigger.short_token} (deploy)" in text
    assert asked.token not in text
    delete_trigger(trigger.pk)
    assert f"{trigger.short_token} (revoked)" in page(browser, url(pipeline, "change"))


def test_a_pipeline_tells_which_job_asked_for_it(browser: Client, project: Project, ada: User) -> None:
    trigger = create_trigger(project, acting_user=ada, description="deploy")
    first = trigger_pipeline(TriggerRequest("group/shop", trigger.new_token or "", "main"), address=None)
    job = take()
    second = trigger_pipeline(TriggerRequest("group/shop", job_token(job), "main"), address=None)
    assert "by job token" in page(browser, url(first, "change"))
    text = page(browser, url(second, "change"))
    assert "created by" in text
    assert url(job, "change") in text
    assert job_token(job) not in text
    text = page(browser, url(job, "change"))
    assert "Pipelines that its job token created" in text
    assert url(second, "change") in text
    assert "Pipelines that its job token created" not in page(browser, url(take(), "change"))
    assert Pipeline.objects.count() == 2
