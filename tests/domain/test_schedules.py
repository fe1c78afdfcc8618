"""Pipeline schedules: keeping them, and who may."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ci_core import access
from ci_core.actions.projects import add_member, remove_member
from ci_core.actions.schedules import (
    InputChange,
    VariableChange,
    create_schedule,
    delete_schedule,
    take_ownership,
    update_schedule,
)
from ci_core.actions.users import update_user
from ci_core.errors import Forbidden, InvalidInput, NotFound, ScheduleLimitReached
from ci_core.models import PipelineSchedule, Project, User, VariableType
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, member, project_with

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 13, 10, 7, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ci_core.clock.now", lambda: NOW)


def schedule(project: Project | None = None, owner: User | None = None, **fields: Any) -> PipelineSchedule:
    project = project or project_with("a: {script: x}")
    given = {"description": "nightly", "ref": "main", "cron": "0 3 * * *", **fields}
    return create_schedule(project, acting_user=owner or member(project), **given)


def test_a_schedule_is_created_with_its_next_run() -> None:
    made = schedule(
        cron_timezone="Europe/Berlin",
        variables=[VariableChange("KEY", "v"), VariableChange("F", "$KEY", VariableType.FILE, raw=True)],
        inputs=[InputChange("level", 3)],
    )
    made.refresh_from_db()
    assert made.next_run_at == datetime(2026, 5, 14, 1, 0, tzinfo=UTC)
    assert (made.ref, made.ref_for_display, made.for_tag) == ("refs/heads/main", "main", False)
    assert (made.active, made.deactivated_reason, made.last_pipeline_id) == (True, "", None)
    assert made.inputs == {"level": 3}
    stored = made.variables.order_by("pk").values_list("key", "value", "variable_type", "raw")
    assert list(stored) == [("KEY", "v", "env_var", False), ("F", "$KEY", "file", True)]


def test_an_inactive_schedule_has_no_next_run() -> None:
    made = schedule(active=False)
    assert made.next_run_at is None
    assert update_schedule(made.pk, active=True).next_run_at == datetime(2026, 5, 14, 3, tzinfo=UTC)
    assert update_schedule(made.pk, active=False).next_run_at is None


@pytest.mark.parametrize(
    ("fields", "field", "message"),
    [
        ({"cron": "61 * * * *"}, "cron", 'cron "61 * * * *": minute 61 is not in 0-59.'),
        ({"cron": "0 0 30 2 *"}, "cron", "there is never a day 30 in month 2"),
        ({"cron": ""}, "cron", "five, separated by spaces"),
        ({"cron_timezone": "Mars"}, "cronTimezone", "cronTimezone 'Mars' is not a time zone; write one like"),
        ({"ref": "nowhere"}, "ref", "ref: The repository has no branch or tag named 'nowhere'."),
        ({"ref": " "}, "ref", "ref is empty"),
        ({"description": ""}, "description", "description has 0 characters"),
        ({"description": "x" * 256}, "description", "description has 256 characters"),
        ({"variables": [VariableChange("1-A", "x")]}, "variables", "'1-A' is not the key of a variable"),
        ({"variables": [VariableChange("A", "x")] * 2}, "variables", "there is a variable A already"),
        ({"variables": [VariableChange("A", id=1)]}, "variables", "no variable with the id 1"),
        ({"variables": [VariableChange("A", destroy=True)]}, "variables", "destroy needs the id"),
        ({"inputs": [InputChange("")]}, "inputs", "a name of 1 to 255"),
        ({"inputs": [InputChange("a")]}, "inputs", "a needs a value"),
        ({"inputs": [InputChange(f"i{n}", n) for n in range(21)]}, "inputs", "there are 21; 20 are the most"),
    ],
)
def test_an_error_names_the_field_and_leaves_nothing(
    fields: dict[str, Any], field: str, message: str
) -> None:
    project = project_with("a: {script: x}")
    owner = member(project)
    with pytest.raises(InvalidInput) as caught:
        schedule(project, owner, **fields)
    assert message in caught.value.message
    assert caught.value.fields["field"] == field
    assert not PipelineSchedule.objects.exists()


def test_a_pattern_that_is_due_too_often_is_refused(settings: Any) -> None:
    settings.PIPEYARD_SCHEDULE_MIN_INTERVAL_SECONDS = 3600
    with pytest.raises(InvalidInput, match=r"it would be due every 15 min; on this server at least 60 min"):
        schedule(cron="*/15 * * * *")
    assert schedule(cron="0 * * * *").pk


def test_a_project_has_a_limit_of_schedules(settings: Any) -> None:
    settings.PIPEYARD_SCHEDULES_PER_PROJECT = 1
    made = schedule()
    with pytest.raises(
        ScheduleLimitReached, match="has 1 pipeline schedules, the most that a project may have"
    ):
        schedule(made.project)
    schedule()
    delete_schedule(made.pk)
    schedule(made.project)


def test_an_update_changes_what_is_given_and_no_more() -> None:
    made = schedule(
        variables=[VariableChange("A", "1"), VariableChange("B", "2")],
        inputs=[InputChange("x", True), InputChange("y", [1])],
    )
    first, second = made.variables.order_by("pk")
    update_schedule(
        made.pk,
        cron="30 4 * * *",
        variables=[
            VariableChange(id=first.pk, destroy=True),
            VariableChange(id=second.pk, value="3"),
            VariableChange("A", "new"),
        ],
        inputs=[InputChange("x", destroy=True), InputChange("z", "s")],
    )
    made.refresh_from_db()
    assert (made.cron, made.description, made.cron_timezone) == ("30 4 * * *", "nightly", "UTC")
    assert made.next_run_at == datetime(2026, 5, 14, 4, 30, tzinfo=UTC)
    assert set(made.variables.values_list("key", "value")) == {("A", "new"), ("B", "3")}
    assert made.inputs == {"y": [1], "z": "s"}
    assert update_schedule(made.pk, description="other", cron_timezone="Asia/Tokyo").next_run_at == datetime(
        2026, 5, 13, 19, 30, tzinfo=UTC
    )


def test_a_variable_of_another_schedule_is_out_of_reach() -> None:
    made, other = schedule(), schedule(variables=[VariableChange("A", "1")])
    with pytest.raises(InvalidInput, match="no variable with the id"):
        update_schedule(made.pk, variables=[VariableChange(id=other.variables.get().pk, destroy=True)])
    assert other.variables.count() == 1


def test_a_deleted_schedule_is_not_found() -> None:
    made = schedule()
    delete_schedule(made.pk)
    for call in (lambda: delete_schedule(made.pk), lambda: update_schedule(made.pk, active=False)):
        with pytest.raises(NotFound):
            call()


def test_who_may_do_what() -> None:
    project = project_with("a: {script: x}", visibility="public")
    owner = member(project)
    made = schedule(project, owner)

    def may(level: int) -> set[str]:
        return set(access.schedule_abilities(made, access.signed_in(member(project, level))))

    assert access.schedule_abilities(made, access.signed_in(owner)) == {"play", "update", "admin"}
    assert may(AccessLevel.GUEST) == may(AccessLevel.REPORTER) == set()
    assert may(AccessLevel.DEVELOPER) == {"play"}
    assert may(AccessLevel.MAINTAINER) == {"play", "admin", "take_ownership"}
    reading = access.Principal(owner, frozenset({"read_api"}))
    assert not access.schedule_abilities(made, reading)
    guest = access.signed_in(member(project, AccessLevel.GUEST))
    assert access.access_schedule(made.pk, guest) == made
    with pytest.raises(Forbidden, match="take ownership first"):
        access.access_schedule(made.pk, access.signed_in(member(project)), "update")
    with pytest.raises(Forbidden, match="scope"):
        access.access_schedule(made.pk, reading, "update")
    stranger = access.signed_in(member(ProjectFactory()))
    for outsider in (access.anonymous(), stranger):
        assert access.access_schedule(made.pk, outsider) == made
        assert not access.may_read_schedule_variables(made, outsider)
        with pytest.raises(Forbidden):
            access.access_schedule(made.pk, outsider, "play")
    assert access.may_read_schedule_variables(made, reading)
    assert access.may_read_schedule_variables(made, access.signed_in(member(project, AccessLevel.MAINTAINER)))
    assert not access.may_read_schedule_variables(made, access.signed_in(member(project)))
    Project.objects.update(visibility="private")
    with pytest.raises(NotFound):
        access.access_schedule(made.pk, stranger)


def test_a_schedule_stops_visibly_when_its_owner_loses_the_rights() -> None:
    project = project_with("a: {script: x}")
    owner = member(project, username="ada")
    made, elsewhere = schedule(project, owner), project_with("a: {script: x}")
    add_member(elsewhere, owner, AccessLevel.DEVELOPER)
    other = schedule(elsewhere, owner)
    add_member(project, owner, AccessLevel.MAINTAINER)
    made.refresh_from_db()
    assert made.active
    add_member(project, owner, AccessLevel.REPORTER)
    made.refresh_from_db()
    assert (made.active, made.next_run_at) == (False, None)
    assert made.deactivated_reason.startswith(
        "The owner, ada, does not have the Developer role in the project"
    )
    other.refresh_from_db()
    assert other.active
    update_user(owner, is_active=False)
    other.refresh_from_db()
    assert other.deactivated_reason.startswith(
        "The owner, ada, is blocked. Somebody with the Maintainer role can"
    )
    with pytest.raises(InvalidInput, match="active: The owner, ada"):
        update_schedule(made.pk, active=True)


def test_a_new_owner_starts_it_again() -> None:
    project = project_with("a: {script: x}")
    owner, maintainer = member(project), member(project, AccessLevel.MAINTAINER)
    made = schedule(project, owner)
    remove_member(project, owner)
    taken = take_ownership(made.pk, acting_user=maintainer)
    assert (taken.owner, taken.active, taken.deactivated_reason) == (maintainer, True, "")
    assert taken.next_run_at == datetime(2026, 5, 14, 3, tzinfo=UTC)


def test_taking_over_does_not_start_what_somebody_stopped() -> None:
    made = schedule(active=False)
    maintainer = member(made.project, AccessLevel.MAINTAINER)
    assert take_ownership(made.pk, acting_user=maintainer).active is False
    with pytest.raises(InvalidInput, match="does not have the Developer role"):
        take_ownership(made.pk, acting_user=member(made.project, AccessLevel.GUEST))
    made.refresh_from_db()
    assert made.owner == maintainer
