"""How statuses are shown: every status has its words, every reason of failure, too."""

from __future__ import annotations

import pytest

from ci_core.models import Job, Pipeline, Project
from ci_core.statuses import FailureReason, Status
from graphql_api import detailed_status as shown

PROJECT = Project(full_path="group/shop")


def job(status, **fields):
    return Job(id=65537, status=status.value, when=fields.pop("when", "on_success"), **fields)


def test_tables_are_complete():
    assert set(shown.LOOKS) == set(Status)
    assert set(shown.FAILURE_WORDS) == set(shown.FAILURE_MESSAGES) == set(FailureReason)


@pytest.mark.parametrize("status", Status)
def test_every_status_of_every_object(status):
    of_job = shown.of_job(job(status), PROJECT, may_act=True)
    of_pipeline = shown.of_pipeline(Pipeline(id=1, status=status.value), PROJECT, warnings=True)
    assert all((of_job.text, of_job.label, of_job.tooltip, of_job.look.icon.startswith("status_")))
    assert all((of_pipeline.text, of_pipeline.label, of_pipeline.tooltip))
    assert of_job.id == f"{of_job.look.group}-65537-65537"


@pytest.mark.parametrize(
    ("status", "verb"),
    [
        (Status.CREATED, "cancel"),
        (Status.PENDING, "cancel"),
        (Status.RUNNING, "cancel"),
        (Status.CANCELING, None),
        (Status.SUCCESS, "retry"),
        (Status.FAILED, "retry"),
        (Status.CANCELED, "retry"),
        (Status.SKIPPED, None),
        (Status.MANUAL, "play"),
        (Status.SCHEDULED, "unschedule"),
    ],
)
def test_action(status, verb):
    assert shown.next_verb(job(status)) == verb
    assert shown.next_verb(job(status, retried=True)) is None
    action = shown.of_job(job(status), PROJECT, may_act=True).action
    assert (action and action.path) == (verb and f"/group/shop/-/jobs/65537/{verb}")
    assert shown.of_job(job(status), PROJECT, may_act=False).action is None


def test_unknown_reason():
    assert shown.of_job(job(Status.FAILED), PROJECT, may_act=False).tooltip == "Failed - (unknown failure)"
