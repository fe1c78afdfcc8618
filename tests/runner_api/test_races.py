"""Runners and people at the same moment, on real connections."""

from __future__ import annotations

from typing import Any

import pytest

from ci_core.actions import handback, pipelines
from ci_core.actions.handback import hand_back
from ci_core.actions.jobs import cancel_job, retry_job
from ci_core.errors import CiError
from ci_core.models import Deployment, Job, PendingJob, Pipeline, RunningJob, TraceChunk
from ci_core.statuses import PipelineSource
from runner_api import polling
from tests.factories import pipeline_with, project_with, runner_with_token
from tests.runner_api.calls import RunnerCalls, output, status_of
from tests.support.invariants import assert_consistent
from tests.support.race import at_once, while_open

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

ONE = {"only": {"script": "make"}}


def test_two_runners_asking_at_once_never_get_the_same_job() -> None:
    found = [pipeline_with({f"job{n}": {"script": "make"} for n in range(4)}) for _ in range(3)]
    runners = [RunnerCalls(runner_with_token()[1]) for _ in range(8)]
    answers = at_once([lambda calls=calls: [calls.request_job() for _ in range(3)] for calls in runners])
    flat = [answer for several in answers for answer in several]
    taken = [answer.json()["id"] for answer in flat if answer.status_code == 201]
    assert {answer.status_code for answer in flat} == {201, 204}
    assert len(taken) == len(set(taken)) == 12
    assert set(Job.objects.values_list("attempt", flat=True)) == {1}
    for pipeline in found:
        assert_consistent(pipeline.pk)


def test_one_runner_token_on_many_machines_at_once() -> None:
    pipeline_with({f"job{n}": {"script": "make"} for n in range(6)})
    calls = RunnerCalls(runner_with_token()[1])
    answers = at_once(
        [lambda number=number: calls.request_job(system_id=f"s_{number:012}") for number in range(6)]
    )
    assert [answer.status_code for answer in answers] == [201] * 6
    managers = Job.objects.values_list("runner_manager__system_id", flat=True)
    assert len(set(managers)) == 6


def test_the_same_machine_twice_at_once_has_one_row() -> None:
    runner, token = runner_with_token()
    calls = RunnerCalls(token)
    answers = at_once([calls.request_job] * 4)
    assert [answer.status_code for answer in answers] == [204] * 4
    assert runner.managers.count() == 1


def test_a_claim_while_the_pipeline_is_cancelled(runner_calls: RunnerCalls) -> None:
    for _ in range(3):
        pipeline = pipeline_with({f"job{n}": {"script": "make"} for n in range(3)})
        answers = at_once(
            [
                runner_calls.request_job,
                lambda pk=pipeline.pk: pipelines.cancel_pipeline(pk),
                runner_calls.request_job,
            ]
        )
        for answer in (answers[0], answers[2]):
            assert answer.status_code in (201, 204)
            if answer.status_code == 201:
                job = answer.json()
                touched = runner_calls.put(job, "running")
                assert touched.headers["Job-Status"] in ("canceling", "canceled")
                runner_calls.put(job, "failed")
        assert_consistent(pipeline.pk)
        assert Pipeline.objects.get(pk=pipeline.pk).status == "canceled"


def test_a_job_cancelled_between_claim_and_payload_is_not_handed_out(
    runner_calls: RunnerCalls, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = project_with({"first": {"script": "make"}, "second": {"script": "make"}})
    pipeline = pipelines.create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    prepare, cancelled = polling.handout.prepare, []

    def cancel_first(job: Job, runner: Any) -> Any:
        if not cancelled:
            cancelled.append(job.pk)
            cancel_job(job.pk, force=True)
        return prepare(job, runner)

    monkeypatch.setattr(polling.handout, "prepare", cancel_first)
    assert runner_calls.take()["job_info"]["name"] == "second"
    assert status_of(cancelled[0]) == "canceled"
    assert not TraceChunk.objects.of_jobs(cancelled).exists()
    assert_consistent(pipeline.pk)


def test_the_final_report_and_a_cancel_at_once(runner_calls: RunnerCalls) -> None:
    for _ in range(3):
        pipeline = pipeline_with(ONE)
        job = runner_calls.take()
        answers = at_once(
            [lambda job=job: runner_calls.put(job, "success"), lambda job=job: cancel_job(job["id"])]
        )
        assert answers[0].status_code == 200
        assert isinstance(answers[1], Job | CiError)
        if status_of(job["id"]) == "canceling":
            runner_calls.put(job, "success")
        assert status_of(job["id"]) in ("success", "canceled")
        assert_consistent(pipeline.pk)


def test_the_same_final_report_twice_at_once(runner_calls: RunnerCalls) -> None:
    pipeline = pipeline_with({"only": {"script": "make", "retry": 2}})
    job = runner_calls.take()
    answers = at_once([lambda: runner_calls.put(job, "failed")] * 3)
    assert {answer.status_code for answer in answers} <= {200, 403}
    assert {answer.headers["Job-Status"] for answer in answers} == {"failed"}
    assert Job.objects.in_pipeline(pipeline.pk).count() == 2
    assert_consistent(pipeline.pk)


def test_the_same_piece_of_a_log_twice_at_once_is_stored_once(runner_calls: RunnerCalls) -> None:
    pipeline_with(ONE)
    job = runner_calls.take()
    answers = at_once([lambda: runner_calls.patch(job, 0, b"abcd")] * 4)
    assert sorted(answer.status_code for answer in answers) == [202, 416, 416, 416]
    assert {answer.headers["Range"] for answer in answers} == {"0-4"}
    assert runner_calls.put(job, "success", output=output(b"abcd")).status_code == 200


# --- handing back -------------------------------------------------------------------------------------------------


def test_a_job_handed_back_is_pending_again(runner_calls: RunnerCalls) -> None:
    pipeline = pipeline_with({"only": {"script": "make", "environment": "staging"}})
    payload = runner_calls.take()
    assert hand_back(payload["id"], 1)
    job = Job.objects.in_pipeline(pipeline.pk).get()
    assert (job.status, job.runner_id, job.runner_manager_id, job.started_at) == ("pending", None, None, None)
    assert PendingJob.objects.filter(job_id=job.pk).exists()
    assert not RunningJob.objects.exists()
    assert Deployment.objects.get(job_id=job.pk).status == "created"
    assert_consistent(pipeline.pk)
    assert runner_calls.put(payload, "running").status_code == 403
    second = runner_calls.take()
    assert (second["id"], second["token"] == payload["token"]) == (payload["id"], False)
    assert not hand_back(payload["id"], 1)
    assert runner_calls.put(second, "success").status_code == 200
    assert_consistent(pipeline.pk)


def test_handing_back_a_job_that_is_being_cancelled_ends_it(runner_calls: RunnerCalls) -> None:
    pipeline = pipeline_with(ONE)
    payload = runner_calls.take()
    cancel_job(payload["id"])
    assert status_of(payload["id"]) == "canceling"
    assert hand_back(payload["id"], 1)
    assert status_of(payload["id"]) == "canceled"
    assert_consistent(pipeline.pk)


def test_handing_back_what_is_over_does_nothing(runner_calls: RunnerCalls) -> None:
    pipeline = pipeline_with(ONE)
    payload = runner_calls.take()
    runner_calls.put(payload, "failed")
    retry_job(payload["id"], acting_user=None)
    assert not hand_back(payload["id"], 1)
    assert status_of(payload["id"]) == "failed"
    assert_consistent(pipeline.pk)


def test_a_job_handed_back_while_its_pipeline_is_cancelled(runner_calls: RunnerCalls) -> None:
    pipeline = pipeline_with(ONE)
    payload = runner_calls.take()
    while_open(lambda: pipelines.cancel_pipeline(pipeline.pk), lambda: handback.hand_back(payload["id"], 1))
    assert status_of(payload["id"]) == "canceled"
    assert_consistent(pipeline.pk)


def test_a_job_handed_back_while_others_ask_goes_to_one_of_them(runner_calls: RunnerCalls) -> None:
    pipeline_with(ONE)
    payload = runner_calls.take()
    answers = at_once([lambda: hand_back(payload["id"], 1), *[runner_calls.request_job] * 3])
    taken = [answer.status_code for answer in answers[1:]]
    assert answers[0] is True
    assert taken.count(201) <= 1
    if 201 not in taken:
        assert runner_calls.request_job().status_code == 201


@pytest.fixture
def runner_calls() -> RunnerCalls:
    """A runner that takes any job."""
    return RunnerCalls(runner_with_token()[1])
