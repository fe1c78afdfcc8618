"""Groups: what is in them, and what projects have from them."""

from __future__ import annotations

import pytest

from ci_core import access
from ci_core.actions.environments import protect_environment
from ci_core.actions.groups import add_group_member, create_group, remove_group_member, update_group
from ci_core.actions.pipelines import create_pipeline
from ci_core.actions.projects import create_project
from ci_core.actions.runners import RunnerChanges, change_runner, create_runner
from ci_core.actions.variables import VariableSettings, set_group_variable, set_variable
from ci_core.errors import Forbidden, InvalidInput, NotFound
from ci_core.handout import prepare
from ci_core.models import Group, Job, PipelineSchedule, Project
from ci_core.queueing import claim_job
from ci_core.statuses import AccessLevel, PipelineSource
from ci_core.waiting import why_waiting
from tests.domain.test_schedules import schedule
from tests.factories import ProjectFactory, UserFactory, project_with, runner_with_token

pytestmark = pytest.mark.django_db


def group(path: str) -> Group:
    return create_group(path, acting_user=UserFactory())


def joined(where: Group, level: int) -> access.Principal:
    user = UserFactory()
    add_group_member(where, user, level)
    return access.signed_in(user)


def test_projects_are_in_the_innermost_group_of_their_path() -> None:
    user = UserFactory()
    site = create_project("shop/web/site", acting_user=user, repository_path="x")
    other = create_project("shopping/site", acting_user=user, repository_path="x")
    assert site.group is None
    shop = group("shop")
    site.refresh_from_db()
    assert site.group == shop
    web = group("shop/web")
    site.refresh_from_db()
    other.refresh_from_db()
    assert (site.group, other.group) == (web, None)
    assert (web.parent, web.traversal_ids) == (shop, [shop.pk, web.pk])
    assert create_project("shop/web/api/x", acting_user=user, repository_path="x").group == web
    assert create_project("shop/tool", acting_user=user, repository_path="x").group == shop


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "is not a group's path"),
        ("shop/", "is not a group's path"),
        ("sh op", "is not a group's path"),
        ("shop.git", "is not a group's path"),
        ("x" * 256, "is not a group's path"),
        ("SHOP", "There is a group or a project SHOP already."),
        ("shop/site", "There is a group or a project shop/site already."),
        ("other/web", "There is no group other: create it first."),
    ],
)
def test_paths_that_cannot_be(path: str, told: str) -> None:
    group("shop")
    create_project("shop/site", acting_user=UserFactory(), repository_path="x")
    with pytest.raises(InvalidInput, match=told):
        group(path)
    assert Group.objects.count() == 1


def test_groups_are_not_nested_without_end() -> None:
    path = "g"
    for _ in range(20):
        group(path)
        path += "/g"
    with pytest.raises(InvalidInput, match="20 deep"):
        group(path)


def test_a_project_is_not_where_a_group_is() -> None:
    group("shop")
    group("shop/web")
    with pytest.raises(InvalidInput, match="There is a project or a group shop/web already"):
        create_project("shop/web", acting_user=UserFactory(), repository_path="x")


def test_a_group_keeps_a_name() -> None:
    shop = group("shop")
    update_group(shop, name="Shop", description="d")
    with pytest.raises(InvalidInput, match="needs a name"):
        update_group(shop, name="", description="")
    shop.refresh_from_db()
    assert (shop.name, shop.description) == ("Shop", "d")


def test_members_have_their_role_in_everything_within() -> None:
    shop, web = group("shop"), group("shop/web")
    outside, tool, site = (ProjectFactory(full_path=path) for path in ("x/y", "shop/tool", "shop/web/site"))
    Project.objects.filter(pk=tool.pk).update(group=shop)
    Project.objects.filter(pk=site.pk).update(group=web)
    principal = joined(shop, AccessLevel.REPORTER)
    assert principal.user is not None
    add_group_member(web, principal.user, AccessLevel.DEVELOPER)
    tool.memberships.create(user=principal.user, access_level=AccessLevel.MAINTAINER)
    assert set(Project.objects.visible_to(principal.user)) == {tool, site}
    assert principal.level_in(tool.pk) == AccessLevel.MAINTAINER
    assert principal.level_in(site.pk) == AccessLevel.DEVELOPER
    assert principal.level_in(outside.pk) == 0
    assert principal.level_in_group(shop.pk) == AccessLevel.REPORTER
    assert principal.level_in_group(web.pk) == AccessLevel.DEVELOPER
    inner = joined(web, AccessLevel.OWNER)
    assert (inner.level_in(tool.pk), inner.level_in(site.pk)) == (0, AccessLevel.OWNER)
    assert inner.level_in_group(shop.pk) == 0
    assert set(Project.objects.visible_to(inner.user)) == {site}


def test_reaching_a_group() -> None:
    shop = group("shop")
    guest, owner = joined(shop, AccessLevel.GUEST), joined(shop, AccessLevel.OWNER)
    assert access.access_group("shop", guest) == shop
    with pytest.raises(NotFound):
        access.access_group("shop", access.anonymous())
    with pytest.raises(NotFound):
        access.access_group_by_id(shop.pk, access.signed_in(UserFactory()), AccessLevel.OWNER)
    with pytest.raises(Forbidden, match="role in this group"):
        access.access_group_by_id(shop.pk, guest, AccessLevel.OWNER)
    reading = access.Principal(owner.user, frozenset({"read_api"}))
    with pytest.raises(Forbidden, match="scope"):
        access.access_group_by_id(shop.pk, reading, AccessLevel.OWNER)
    assert access.access_group_by_id(shop.pk, owner, AccessLevel.OWNER) == shop


def test_whoever_leaves_a_group_has_their_schedules_stopped() -> None:
    shop = group("shop")
    project = project_with("a: {script: x}", full_path="shop/site", group=shop)
    principal = joined(shop, AccessLevel.DEVELOPER)
    assert principal.user is not None
    made = schedule(project, principal.user)
    assert remove_group_member(shop, principal.user)
    assert not PipelineSchedule.objects.get(pk=made.pk).active
    assert not remove_group_member(shop, principal.user)


def test_members_of_a_group_may_be_named_for_an_environment() -> None:
    shop = group("shop")
    project = project_with("a: {script: x}", full_path="shop/site", group=shop)
    principal = joined(shop, AccessLevel.REPORTER)
    assert principal.user is not None
    protect_environment(project, "production", access_level=None, users=[principal.user])
    with pytest.raises(InvalidInput, match="must have the Reporter role"):
        protect_environment(project, "production", access_level=None, users=[UserFactory()])


def test_inner_variables_win() -> None:
    shop, web = group("shop"), group("shop/web")
    project = project_with(
        {"a": {"script": "x", "rules": [{"if": '$B == "web" && $C == "project"'}]}},
        full_path="shop/web/site",
        group=web,
    )
    set_group_variable(shop, "A", "shop", VariableSettings())
    set_group_variable(shop, "B", "shop", VariableSettings())
    set_group_variable(web, "B", "web", VariableSettings())
    set_group_variable(web, "C", "web", VariableSettings())
    set_variable(project, "C", "project", VariableSettings())
    set_group_variable(shop, "D", "elsewhere", VariableSettings(), environment_scope="qa")
    set_group_variable(group("other"), "E", "other", VariableSettings())
    create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    seen = {variable.key: variable.value for variable in prepare(job, runner).variables}
    assert {key: seen.get(key) for key in "ABCDE"} == {
        "A": "shop",
        "B": "web",
        "C": "project",
        "D": None,
        "E": None,
    }


def test_masked_and_protected_variables_of_groups() -> None:
    shop = group("shop")
    project = project_with("a: {script: x}", full_path="shop/site", group=shop)
    set_group_variable(shop, "SECRET", "long-enough", VariableSettings(masked=True, raw=True))
    set_group_variable(shop, "GUARDED", "x", VariableSettings(protected=True))
    pipeline = create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    type(pipeline).objects.filter(pk=pipeline.pk).update(protected=False)
    runner, _ = runner_with_token()
    job = claim_job(runner)
    assert job is not None
    seen = {variable.key: variable for variable in prepare(job, runner).variables}
    assert seen["SECRET"].masked and seen["SECRET"].raw and not seen["SECRET"].public
    assert "GUARDED" not in seen


def test_a_groups_runner_takes_what_is_within() -> None:
    shop, web = group("shop"), group("shop/web")
    site = project_with("a: {script: x}", full_path="shop/web/site", group=web)
    outside = project_with("b: {script: x}", full_path="x/y")
    for project in (outside, site):
        create_pipeline(project, "main", PipelineSource.PUSH, acting_user=None)
    inner, outer, elsewhere = (
        create_runner(acting_user=None, group=each)[0] for each in (web, shop, group("other"))
    )
    assert claim_job(elsewhere) is None
    job = claim_job(outer)
    assert job is not None and job.project_id == site.pk
    assert claim_job(outer) is None
    assert claim_job(inner) is None
    waiting = why_waiting(Job.objects.get(project=outside))
    assert waiting is not None and waiting.stuck


def test_a_runner_is_a_groups_or_assigned_to_projects() -> None:
    shop = group("shop")
    with pytest.raises(InvalidInput, match="not both"):
        create_runner(acting_user=None, group=shop, projects=[ProjectFactory()])
    runner, _ = create_runner(acting_user=None, group=shop)
    with pytest.raises(InvalidInput, match="only a project's runner"):
        change_runner(runner.pk, RunnerChanges(projects=[ProjectFactory()]))
