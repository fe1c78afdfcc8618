"""PUT /jobs/:id: signs of life and final reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ci_core import clock
from ci_core.actions.jobs import cancel_job
from ci_core.models import Job, Pipeline, RunnerManager, RunningJob, Trace
from tests.factories import pipeline_with
from tests.runner_api.calls import INFO, RunnerCalls, job_named, output, status_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def taken(runner: RunnerCalls) -> dict[str, Any]:
    """A job that the runner has got."""
    pipeline_with({"first": {"script": "make"}, "second": {"script": "make", "needs": ["first"]}})
    return runner.take()


def stored(job: dict[str, Any]) -> Job:
    found: Job = Job.objects.by_ids([job["id"]]).get()
    return found


def test_running_is_a_sign_of_life(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    long_ago = clock.now() - timedelta(minutes=2)
    RunningJob.objects.update(heard_at=long_ago)
    answer = runner.put(taken, "running", output={})
    assert answer.status_code == 200
    assert answer.headers["Job-Status"] == "running"
    assert answer.headers["X-GitLab-Trace-Update-Interval"] == "3"
    assert RunningJob.objects.get().heard_at > long_ago


def test_without_state_it_is_a_touch(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    assert runner.put(taken, None).status_code == 200
    assert status_of(taken["id"]) == "running"


def test_the_token_may_come_in_the_body_or_as_a_form(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    assert runner.send("PUT", f"jobs/{taken['id']}", {"token": taken["token"]}).status_code == 200
    form = runner.http.put(
        f"/api/v4/jobs/{taken['id']}",
        f"token={taken['token']}&state=success",
        content_type="application/x-www-form-urlencoded",
    )
    assert form.status_code == 200
    assert status_of(taken["id"]) == "success"


def test_success_lets_the_next_job_start_in_the_same_request(
    runner: RunnerCalls, taken: dict[str, Any]
) -> None:
    answer = runner.put(taken, "success")
    assert (answer.status_code, answer.headers["Job-Status"]) == (200, "success")
    assert not RunningJob.objects.exists()
    second = runner.take()
    assert second["job_info"]["name"] == "second"
    runner.put(second, "success")
    assert Pipeline.objects.get().status == "success"


def test_the_same_report_may_come_twice(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    for _ in range(2):
        answer = runner.put(taken, "failed", failure_reason="script_failure", exit_code=3)
        assert (answer.status_code, answer.headers["Job-Status"]) == (200, "failed")
    assert Job.objects.in_pipeline(stored(taken).pipeline_id).count() == 2
    other = runner.put(taken, "success")
    assert (other.status_code, other.headers["Job-Status"]) == (403, "failed")
    assert runner.put(taken, "running").status_code == 403


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("script_failure", "script_failure"),
        ("runner_system_failure", "runner_system_failure"),
        ("job_execution_timeout", "job_execution_timeout"),
        (None, "script_failure"),
        ("", "script_failure"),
        ("image_pull_failure", "runner_system_failure"),
        ("runner_external_dependency_failure", "runner_system_failure"),
        ("runner_configuration_error", "script_failure"),
        ("runner_interrupted", "unknown_failure"),
        ("job_canceled", "unknown_failure"),
        ("a reason of next year", "unknown_failure"),
    ],
)
def test_failure_reasons(runner: RunnerCalls, taken: dict[str, Any], told: str | None, kept: str) -> None:
    more = {} if told is None else {"failure_reason": told}
    assert runner.put(taken, "failed", exit_code=7, **more).status_code == 200
    assert (stored(taken).failure_reason, stored(taken).exit_code) == (kept, 7)


def test_allowed_exit_codes_are_allowed(runner: RunnerCalls) -> None:
    pipeline = pipeline_with({"flaky": {"script": "make", "allow_failure": {"exit_codes": [42]}}})
    runner.put(runner.take(), "failed", failure_reason="script_failure", exit_code=42)
    assert Pipeline.objects.get(pk=pipeline.pk).status == "success"


def test_a_job_that_retries_itself_comes_again_with_another_token(runner: RunnerCalls) -> None:
    pipeline_with({"flaky": {"script": "make", "retry": 1}})
    first = runner.take()
    runner.put(first, "failed")
    second = runner.take()
    assert second["id"] != first["id"]
    assert second["token"] != first["token"]
    assert runner.put(first, "running").status_code == 403


@pytest.mark.parametrize("state", ["flying", {"a": 1}, True])
def test_an_unknown_state_is_400(runner: RunnerCalls, taken: dict[str, Any], state: Any) -> None:
    answer = runner.send("PUT", f"jobs/{taken['id']}", {"state": state}, JOB_TOKEN=taken["token"])
    assert answer.status_code == 400
    assert "state" in answer.json()["message"]
    assert status_of(taken["id"]) == "running"


@pytest.mark.parametrize(
    "more",
    [
        {"exit_code": 3221225477},
        {"exit_code": "x"},
        {"output": {"bytesize": -1, "checksum": 5}},
        {"failure_reason": "r" * 2000},
    ],
)
def test_a_final_report_is_taken_although_a_part_of_it_is_strange(
    runner: RunnerCalls, taken: dict[str, Any], more: dict[str, Any]
) -> None:
    assert runner.put(taken, "failed", **more).status_code == 200
    assert (status_of(taken["id"]), stored(taken).exit_code) == ("failed", None)


def test_wrong_tokens_are_403_with_a_job_status(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    pipeline_with({"mine": {"script": "make"}})
    mine = runner.take()
    for token in ("", "glcbt-1-abc", "glcbt-zz", runner.token, mine["token"], taken["token"][:-1] + "x"):
        answer = runner.send("PUT", f"jobs/{taken['id']}", {"state": "success"}, JOB_TOKEN=token)
        assert answer.status_code == 403, token
        assert answer.headers["Job-Status"]
    for unknown in (1, 2**60, 10**30):
        answer = runner.send("PUT", f"jobs/{unknown}", {"state": "success"}, JOB_TOKEN=mine["token"])
        assert answer.status_code == 403
        assert answer.headers["Job-Status"]
    assert status_of(taken["id"]) == "running"


# --- cancelling -----------------------------------------------------------------------------------------------


def test_a_graceful_cancel_ends_canceled_whatever_the_report(
    runner: RunnerCalls, taken: dict[str, Any]
) -> None:
    cancel_job(taken["id"])
    touched = runner.put(taken, "running")
    assert (touched.status_code, touched.headers["Job-Status"]) == (200, "canceling")
    patched = runner.patch(taken, 0, b"bye")
    assert (patched.status_code, patched.headers["Job-Status"]) == (202, "canceling")
    final = runner.put(taken, "failed", failure_reason="job_canceled")
    assert (final.status_code, final.headers["Job-Status"]) == (200, "canceled")
    assert runner.put(taken, "failed").status_code == 403


def test_success_of_a_job_being_cancelled_is_canceled_too(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    cancel_job(taken["id"])
    assert runner.put(taken, "success").headers["Job-Status"] == "canceled"


def test_a_runner_that_cannot_stop_gracefully_is_told_by_403(runner: RunnerCalls) -> None:
    pipeline_with({"only": {"script": "make"}})
    body = {"token": runner.token, "info": {**INFO, "features": {}}}
    job = runner.send("POST", "jobs/request", body).json()
    cancel_job(job["id"])
    for answer in (runner.put(job, "running"), runner.patch(job, 0, b"x"), runner.put(job, "failed")):
        assert (answer.status_code, answer.headers["Job-Status"]) == (403, "canceled")


# --- the log that belongs to a final report --------------------------------------------------------------------


def test_a_log_that_is_complete_is_confirmed(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    runner.patch(taken, 0, b"hello ")
    runner.patch(taken, 6, b"world")
    assert runner.put(taken, "success", output=output(b"hello world")).status_code == 200


@pytest.mark.parametrize("kept", [b"", b"hello", b"HELLO WORLD"])
def test_a_log_that_differs_is_asked_for_again(
    runner: RunnerCalls, taken: dict[str, Any], kept: bytes
) -> None:
    log = b"hello world"
    if kept:
        runner.patch(taken, 0, kept)
    answer = runner.put(taken, "failed", output=output(log))
    assert (answer.status_code, answer.headers["Job-Status"]) == (412, "running")
    assert status_of(taken["id"]) == "running"
    assert runner.patch(taken, 0, log[:4]).status_code == 202
    assert runner.patch(taken, 4, log[4:]).status_code == 202
    assert runner.put(taken, "failed", output=output(log)).status_code == 200
    assert Trace.objects.by_ids([taken["id"]]).get().size == len(log)


def test_a_runner_that_cannot_count_is_asked_only_once(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    wrong = {"checksum": "crc32:00000001", "bytesize": 3}
    runner.patch(taken, 0, b"abc")
    assert runner.put(taken, "success", output=wrong).status_code == 412
    runner.patch(taken, 0, b"abc")
    assert runner.put(taken, "success", output=wrong).status_code == 200
    assert status_of(taken["id"]) == "success"


def test_another_kind_of_checksum_is_passed_over(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    runner.patch(taken, 0, b"abc")
    answer = runner.put(taken, "success", output={"checksum": "sha256:1234", "bytesize": 3})
    assert answer.status_code == 200


def test_the_deprecated_checksum_is_read_too(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    runner.patch(taken, 0, b"abc")
    assert runner.put(taken, "success", checksum="crc32:12345678").status_code == 412


def test_an_older_client_sends_the_whole_log_at_the_end(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    runner.patch(taken, 0, b"ab")
    assert runner.put(taken, "success", trace="abc").status_code == 200
    assert Trace.objects.by_ids([taken["id"]]).get().size == 3


def test_a_whole_log_over_the_limit_fails_its_job(
    runner: RunnerCalls, taken: dict[str, Any], settings: Any
) -> None:
    settings.PIPEYARD_TRACE_LIMIT = 10
    answer = runner.put(taken, "success", trace="x" * 11)
    assert (answer.status_code, answer.headers["Job-Status"]) == (403, "failed")
    assert stored(taken).failure_reason == "trace_size_exceeded"


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("unknown", None),
    ],
)
def test_the_address_of_the_machine_is_noted_if_it_is_one(
    runner: RunnerCalls, address: str, kept: str | None
) -> None:
    runner.http.defaults["REMOTE_ADDR"] = address
    assert runner.request_job().status_code == 204
    assert RunnerManager.objects.get().ip_address == kept


def test_success_stores_the_exit_code_zero(runner: RunnerCalls, taken: dict[str, Any]) -> None:
    runner.put(taken, "success")
    assert job_named(stored(taken).pipeline_id, "first").exit_code == 0
