"""What support staff do to pipelines, jobs, runners, tokens and environments: by button and by the list's actions."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.messages import get_messages
from django.test import Client

from ci_core import access
from ci_core.actions import jobs as job_actions
from ci_core.actions import runners, users
from ci_core.actions.runners import touch_runner
from ci_core.admin.logs import last_lines
from ci_core.models import Environment, Job, PersonalAccessToken, Pipeline, RunnerRegistrationToken
from ci_core.statuses import FailureReason
from tests.factories import UserFactory, pipeline_with, runner_with_token
from tests.support.desk import CONFIG, signed_in, staff, url
from tests.support.invariants import assert_consistent
from tests.support.jobs import job_of, log, take

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]

OPERATOR = (
    "change_pipeline",
    "change_job",
    "change_runner",
    "change_personalaccesstoken",
    "change_environment",
)


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def browser() -> Client:
    return signed_in(staff(*OPERATOR, "change_runnerregistrationtoken"))


def told(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_a_pipeline_is_cancelled_and_retried(browser: Client) -> None:
    pipeline = pipeline_with(CONFIG)
    page = browser.get(url(pipeline, "change")).content.decode()
    assert url(pipeline, "verb", "cancel") in page
    response = browser.post(url(pipeline, "verb", "cancel"), follow=True)
    assert response.redirect_chain == [(url(pipeline, "change"), 302)]
    assert "1 pipeline cancelled." in response.content.decode()
    pipeline.refresh_from_db()
    assert pipeline.status == "canceled"
    browser.post(url(pipeline, "verb", "retry"))
    assert job_of(pipeline, "compile").status == "pending"
    assert_consistent(pipeline.pk)
    entries = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
    assert list(entries) == ["Cancel.", "Retry failed and cancelled jobs."]


def test_a_refusal_is_told(browser: Client) -> None:
    pipeline = pipeline_with("a: {script: make}")
    response = browser.post(url(pipeline, "verb", "retry"))
    assert told(response) == [f"#{pipeline.pk}: No job of the pipeline failed or was cancelled."]
    assert not LogEntry.objects.exists()


def test_a_job_is_played_retried_and_cancelled_by_whoever_is_signed_in(browser: Client) -> None:
    pipeline = pipeline_with("a: {script: make, when: manual}")
    job = job_of(pipeline, "a")
    browser.post(url(job, "verb", "play"))
    job = job_of(pipeline, "a")
    assert (job.status, job.user) == ("pending", response_user(browser))
    browser.post(url(job, "verb", "cancel"))
    assert job_of(pipeline, "a").status == "canceled"
    browser.post(url(job, "verb", "retry"))
    copy = job_of(pipeline, "a")
    assert (copy.pk != job.pk, copy.status) == (True, "pending")
    assert_consistent(pipeline.pk)


def response_user(browser: Client) -> Any:
    return browser.get("/admin/").wsgi_request.user


def test_a_page_tells_why_the_job_waits(browser: Client) -> None:
    config = "a: {script: x, stage: build, tags: [gpu]}\nb: {script: x, stage: test}\n"
    pipeline = pipeline_with(config + "c: {script: x, stage: test, when: manual, needs: []}\n")

    def page(name: str) -> str:
        return browser.get(url(job_of(pipeline, name), "change")).content.decode()

    assert "No runner that serves its project is online. It is stuck" in page("a")
    assert "Waits for jobs of earlier stages: a (pending)." in page("b")
    assert "Waits for somebody to start it" in page("c")
    job_actions.cancel_job(job_of(pipeline, "a").pk)
    assert "earlier stages: " not in page("b")


def test_a_job_whose_runner_does_not_stop_is_cancelled_all_the_same(browser: Client) -> None:
    pipeline = pipeline_with("a: {script: x}")
    job = job_of(pipeline, "a")
    runner, _ = runner_with_token()
    take(runner, touch_runner(runner, "s_1", {"features": {"cancel_gracefully": True}}, "127.0.0.1"))
    browser.post(url(job, "verb", "cancel"))
    assert job_of(pipeline, "a").status == "canceling"
    browser.post(url(job, "verb", "force"))
    assert job_of(pipeline, "a").status == "canceled"
    assert_consistent(pipeline.pk)


@pytest.mark.parametrize(
    ("name", "status", "verb", "words"),
    [
        ("ready", "pending", "force", "only a job that is being cancelled can be ended without its runner"),
        ("ready", "pending", "play", "only the newest run of a job that waits to be started"),
        ("ready", "pending", "retry", "only the newest run of a job that has run"),
        ("ready", "pending", "unschedule", "only a job whose own timer runs"),
        ("asked", "manual", "force", "only a job that is being cancelled"),
        ("timed", "scheduled", "force", "only a job that is being cancelled"),
        ("later", "created", "force", "only a job that is being cancelled"),
    ],
)
def test_a_verb_that_the_page_does_not_offer_does_nothing_when_it_is_posted(
    browser: Client, name: str, status: str, verb: str, words: str
) -> None:
    pipeline = pipeline_with(
        {
            "ready": {"script": "x"},
            "asked": {"script": "x", "when": "manual"},
            "timed": {"script": "x", "when": "delayed", "start_in": "1 hour"},
            "later": {"script": "x", "needs": ["ready"]},
        }
    )
    job = job_of(pipeline, name)
    address = url(job, "verb", verb)
    assert address not in browser.get(url(job, "change")).content.decode()
    by_button = browser.post(address)
    by_list = browser.post(url(Job), {"action": verb, "_selected_action": [job.pk]})
    for response in (by_button, by_list):
        assert told(response)[-1].startswith(f"#{job.pk} {name}: {words}")
    assert job_of(pipeline, name).status == status
    assert not LogEntry.objects.exists()


def test_a_timer_is_stopped(browser: Client) -> None:
    pipeline = pipeline_with("a: {script: make, when: delayed, start_in: 1 hour}")
    browser.post(url(job_of(pipeline, "a"), "verb", "unschedule"))
    assert job_of(pipeline, "a").status == "manual"


def test_the_list_does_it_to_many_and_tells_of_each_refusal(browser: Client) -> None:
    pipeline = pipeline_with({name: {"script": "make"} for name in "abcdefgh"})
    jobs = list(Job.objects.in_pipeline(pipeline.pk).in_order())
    job_actions.cancel_job(jobs[0].pk)
    chosen = {"action": "cancel", "_selected_action": [job.pk for job in jobs]}
    response = browser.post(url(Job), chosen)
    assert response.status_code == 302
    assert sorted(told(response)) == [
        f"#{jobs[0].pk} a: only a waiting or running job can be cancelled.",
        "7 jobs cancelled.",
    ]
    assert set(Job.objects.in_pipeline(pipeline.pk).values_list("status", flat=True)) == {"canceled"}
    response = browser.post(url(Job), chosen)
    assert told(response)[-1] == "3 more were refused."
    assert_consistent(pipeline.pk)


def test_select_across_does_not_reach_rows_that_were_not_chosen(browser: Client) -> None:
    first, second = pipeline_with("a: {script: make}"), pipeline_with("a: {script: make}")
    for model, row in ((Job, job_of(first, "a")), (Pipeline, first)):
        browser.post(url(model), {"action": "cancel", "select_across": "1", "_selected_action": [row.pk]})
    assert job_of(second, "a").status == "pending"


def test_a_link_changes_nothing_and_a_post_needs_its_token(browser: Client) -> None:
    pipeline = pipeline_with("a: {script: make}")
    assert browser.get(url(pipeline, "verb", "cancel")).status_code == 405
    assert browser.post(url(pipeline, "verb", "explode")).status_code == 404
    strict = signed_in(staff(*OPERATOR), enforce_csrf_checks=True)
    assert strict.post(url(pipeline, "verb", "cancel")).status_code == 403
    assert Pipeline.objects.get(pk=pipeline.pk).status == "pending"


def test_a_runner_is_paused_and_gets_a_new_token_that_is_shown_once(browser: Client) -> None:
    runner, old = runners.create_runner(acting_user=None)
    before = runner.digest
    for verb, paused in (("pause", True), ("resume", False)):
        browser.post(url(runner, "verb", verb))
        runner.refresh_from_db()
        assert runner.paused is paused
    page = browser.post(url(runner, "verb", "rotate"), follow=True).content.decode()
    runner.refresh_from_db()
    assert runner.digest != before
    assert page.count(f"<code>glrt-{runner.token_prefix}") == 1
    assert f"<code>glrt-{runner.token_prefix}" not in browser.get(url(runner, "change")).content.decode()
    assert runner.digest not in page
    assert old not in page


def test_tokens_are_revoked(browser: Client) -> None:
    token = users.create_personal_token(UserFactory(), "laptop", ["api"])
    runners.create_registration_token()
    browser.post(url(PersonalAccessToken.objects.get(), "verb", "revoke"))
    browser.post(url(RunnerRegistrationToken.objects.get(), "verb", "revoke"))
    assert access.personal_token_principal(token) is None
    assert RunnerRegistrationToken.objects.get().revoked_at is not None


def test_an_environment_is_stopped(browser: Client) -> None:
    pipeline_with(CONFIG)
    environment = Environment.objects.get()
    browser.post(url(environment, "verb", "stop"))
    environment.refresh_from_db()
    assert environment.state == "stopped"
    response = browser.post(url(environment, "verb", "stop"))
    assert told(response)[-1] == "production: only an environment that is available can be stopped."


def test_the_page_of_a_broken_configuration_says_where_it_is_broken(browser: Client) -> None:
    pipeline = pipeline_with("build:\n  script: make\n  stage: nowhere\nb:\n  scirpt: make <b>\n")
    page = browser.get(url(pipeline, "change")).content.decode()
    assert "Errors of the configuration" in page
    for error in pipeline.config_errors:
        assert f"<code>{error['file']}:{error['line']}:{error['column']}</code>" in page
    assert len(pipeline.config_errors) >= 2
    assert "The pipeline has no jobs." in page


def test_the_page_of_a_pipeline_groups_its_jobs_by_stage(browser: Client) -> None:
    pipeline = pipeline_with(CONFIG)
    job_actions.fail_job(job_of(pipeline, "compile").pk, FailureReason.SCRIPT_FAILURE, exit_code=2)
    page = browser.get(url(pipeline, "change")).content.decode()
    assert page.count('scope="rowgroup"') == 3
    order = [page.index(f">{name}</a>") for name in ("compile", "unit", "lint", "ship")]
    assert order == sorted(order)
    assert "script failure" in page
    for job in Job.objects.in_pipeline(pipeline.pk):
        assert url(job, "change") in page


def test_the_page_of_a_job(browser: Client) -> None:
    pipeline = pipeline_with(CONFIG)
    lint, compiled = job_of(pipeline, "lint"), job_of(pipeline, "compile")
    log(
        compiled,
        b"\x1b[32;1m<script>alert(1)</script>\x1b[0;m\n",
        b"".join(b"line %d\n" % n for n in range(300)),
    )
    job_actions.fail_job(compiled.pk, FailureReason.SCRIPT_FAILURE, exit_code=1)
    job_actions.retry_job(compiled.pk, acting_user=None)
    page = browser.get(url(compiled, "change")).content.decode()
    assert "line 299" in page
    assert "line 100\n" in page
    assert "line 99\n" not in page
    assert "(this one)" in page
    assert url(job_of(pipeline, "compile"), "change") in page
    needs = browser.get(url(lint, "change")).content.decode()
    assert f'{url(job_of(pipeline, "compile"), "change")}" class="text-link">compile</a>' in needs


def test_a_log_is_shown_as_text(browser: Client) -> None:
    job = job_of(pipeline_with("a: {script: make}"), "a")
    log(job, b"section_start:1:prepare\r\x1b[0K\x1b[36;1mPreparing <b>\x1b[0;m\n10%\r100%\n\xff\x07ok")
    page = browser.get(url(job, "change")).content.decode()
    assert "Preparing &lt;b&gt;\n100%\n�ok</pre>" in page


@pytest.mark.parametrize(
    ("data", "whole", "shown"),
    [
        (b"", True, ""),
        (b"one\n", True, "one"),
        (b"rest of a line\ntwo\n", False, "two"),
        (b"one long line", False, "one long line"),
        (b"\x1b]0;title\x07text\x1b[2K\r\n", True, "text"),
        (b"section_end:1:prepare\r\x1b[0K", True, ""),
    ],
)
def test_last_lines(data: bytes, whole: bool, shown: str) -> None:
    assert last_lines(data, whole=whole) == shown


def test_only_the_end_of_a_large_log_is_read() -> None:
    job = job_of(pipeline_with("a: {script: make}"), "a")
    block = b"x" * 1023 + b"\n"
    log(job, block * 300, block * 300, b"the end\n")
    browser = signed_in(staff(*OPERATOR))
    page = browser.get(url(job, "change")).content.decode()
    assert "the end</pre>" in page
    assert "The whole log has 600.0 KiB." in page
    assert 100 < page.count("x" * 1023) < 200
