"""Keys and what they open."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ci_core import access, clock, tokens
from ci_core.actions.users import create_personal_token, revoke_personal_token
from ci_core.errors import Forbidden, InvalidInput, NotFound
from ci_core.models import Job, PersonalAccessToken, Project
from ci_core.queueing import claim_job
from ci_core.statuses import AccessLevel
from tests.factories import ProjectFactory, UserFactory, member, pipeline_with, runner_with_token

pytestmark = pytest.mark.django_db


def test_who_sees_which_projects() -> None:
    private, internal, public = (
        ProjectFactory(visibility=each) for each in ("private", "internal", "public")
    )
    guest = member(private, AccessLevel.GUEST)
    admin = UserFactory(is_superuser=True)

    def seen(user: object) -> set[Project]:
        return set(Project.objects.visible_to(user))  # type: ignore[arg-type]

    assert seen(None) == {public}
    assert seen(UserFactory()) == {public, internal}
    assert seen(guest) == seen(admin) == {public, internal, private}


def test_many_are_asked_for_one_project_as_each_is_for_all() -> None:
    projects = [ProjectFactory(visibility=each) for each in ("private", "internal", "public")]
    users = [
        None,
        UserFactory(),
        UserFactory(is_superuser=True),
        member(projects[0], AccessLevel.GUEST),
        member(projects[0], AccessLevel.OWNER),
        member(projects[1], AccessLevel.DEVELOPER),
    ]
    for project in projects:
        principals = [access.signed_in(user) if user else access.anonymous() for user in users]
        expected = [project in Project.objects.visible_to(user) for user in users]
        assert access.who_may_see(project, principals) == expected
        fresh = [access.signed_in(user) if user else access.anonymous() for user in users]
        assert [each.level_in(project.pk) for each in principals] == [
            each.level_in(project.pk) for each in fresh
        ]


def test_a_private_project_is_not_found_and_a_low_role_is_forbidden() -> None:
    project = ProjectFactory(visibility="private")
    with pytest.raises(NotFound):
        access.access_project(project.full_path, access.signed_in(UserFactory()))
    guest = access.signed_in(member(project, AccessLevel.GUEST))
    assert access.access_project(project.full_path, guest) == project
    with pytest.raises(Forbidden, match="role"):
        access.access_project(project.full_path, guest, AccessLevel.DEVELOPER)
    developer = access.signed_in(member(project, AccessLevel.DEVELOPER))
    assert access.access_project(project.full_path, developer, AccessLevel.DEVELOPER) == project


def test_jobs_and_pipelines_follow_their_project() -> None:
    pipeline = pipeline_with("a: {script: x}")
    job = Job.objects.in_pipeline(pipeline.pk).get()
    stranger = access.signed_in(UserFactory())
    guest = access.signed_in(member(pipeline.project, AccessLevel.GUEST))
    for principal in (stranger, access.anonymous()):
        with pytest.raises(NotFound):
            access.access_pipeline(pipeline.pk, principal)
        with pytest.raises(NotFound):
            access.access_job(job.pk, principal)
    assert access.access_job(job.pk, guest) == job
    assert access.access_pipeline(pipeline.pk, guest) == pipeline
    with pytest.raises(NotFound):
        access.access_job(99_999 << 16 | 1, guest)


def test_a_reading_token_changes_nothing() -> None:
    project = ProjectFactory()
    owner = member(project, AccessLevel.OWNER)
    principal = access.personal_token_principal(create_personal_token(owner, "t", ["read_api"]))
    assert principal is not None
    assert not principal.may_write
    with pytest.raises(Forbidden, match="scope"):
        access.access_project(project.full_path, principal, AccessLevel.DEVELOPER)


def test_tokens_that_open_nothing() -> None:
    user = UserFactory()
    good = create_personal_token(user, "good", ["api"])
    assert access.personal_token_principal(good) is not None
    assert access.personal_token_principal(good + "x") is None
    assert access.personal_token_principal("") is None
    expired = create_personal_token(user, "old", ["api"], expires_at=clock.now() - timedelta(seconds=1))
    assert access.personal_token_principal(expired) is None
    revoke_personal_token(PersonalAccessToken.objects.get(name="good"))
    assert access.personal_token_principal(good) is None
    inactive = UserFactory(is_active=False)
    assert access.personal_token_principal(create_personal_token(inactive, "t", ["api"])) is None


def test_a_token_is_kept_as_a_digest_only() -> None:
    token = create_personal_token(UserFactory(), "t", ["api"])
    row = PersonalAccessToken.objects.values().get()
    assert token not in str(row)
    assert row["digest"] == tokens.digest(token)


@pytest.mark.parametrize("scopes", [[], ["root"], ["api", "sudo"]])
def test_scopes_are_known_ones(scopes: list[str]) -> None:
    with pytest.raises(InvalidInput):
        create_personal_token(UserFactory(), "t", scopes)


def test_a_job_token_is_derived_and_belongs_to_one_attempt() -> None:
    pipeline_with("a: {script: x}\nb: {script: x}\n")
    runner, _ = runner_with_token()
    first, second = claim_job(runner), claim_job(runner)
    assert first is not None
    assert second is not None
    token = tokens.job_token(first)
    assert access.job_by_token(token) == first
    assert token != tokens.job_token(second)
    Job.objects.by_ids([first.pk]).update(attempt=first.attempt + 1)
    assert access.job_by_token(token) is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "glcbt-",
        "glcbt-zz-00",
        "glcbt-10001",
        "glcbt-10001-" + "0" * 40,
        "glcbt-" + "f" * 99 + "-1",
        "glpat-x",
    ],
)
def test_made_up_job_tokens_are_nobodys(token: str) -> None:
    assert access.job_by_token(token) is None


def test_levels_of_several_projects_take_one_statement(django_assert_num_queries: object) -> None:
    projects = [ProjectFactory() for _ in range(5)]
    user = member(projects[0], AccessLevel.MAINTAINER)
    principal = access.signed_in(user)
    with django_assert_num_queries(1):  # type: ignore[operator]
        principal.load_levels([project.pk for project in projects])
        levels = [principal.level_in(project.pk) for project in projects]
    assert levels == [AccessLevel.MAINTAINER, 0, 0, 0, 0]
