"""The support desk asks the database the same number of questions however many rows there are, one partition each."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test import Client

from ci_core import partitions
from ci_core.admin import jobs as job_pages
from ci_core.admin import paging
from ci_core.models import Job, Pipeline, Project, ProjectMembership, User
from tests.factories import UserFactory, member
from tests.support.desk import desk_models, new_world, pipeline_of_jobs, signed_in, staff, url
from tests.support.query_counts import statements_of

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.admin_urls")]

#: Statements of any page: session, user and permissions included.
MOST = 16
PARTITIONED = re.compile(r'(?:FROM|JOIN) "?(' + "|".join(partitions.TABLES) + r')"?(?= |$)')


@pytest.fixture(autouse=True)
def _no_static_files(settings: Any) -> None:
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def browser() -> Client:
    return signed_in(staff(superuser=True))


def statements_on(browser: Client, address: str) -> list[str]:
    """The statements of a page, looked at for the second time."""
    assert browser.get(address).status_code == 200, address
    return statements_of(lambda: browser.get(address))


def test_lists_at_2_and_at_20_rows(browser: Client) -> None:
    world = new_world(2)
    counts: dict[str, list[int]] = {}
    for size in (2, 20):
        world.grow(size)
        for model in desk_models():
            statements = statements_on(browser, url(model))
            counts.setdefault(model.__name__, []).append(len(statements))
            for statement in statements:
                assert len(set(PARTITIONED.findall(statement))) <= 1, f"joins partitioned tables: {statement}"
    print(counts)
    assert all(few == many <= MOST for few, many in counts.values()), counts
    assert len(counts) >= 10


def test_a_pipeline_of_10_and_of_100_jobs(browser: Client) -> None:
    few, many = (statements_on(browser, url(pipeline_of_jobs(number), "change")) for number in (10, 100))
    assert len(few) == len(many) <= MOST, "\n".join(many)
    print("pipeline page", len(few))


def test_a_project_of_2_and_of_20_members(browser: Client) -> None:
    new_world(1)
    project = Project.objects.exclude(memberships=None).get()
    few = statements_on(browser, url(project, "change"))
    for _ in range(20):
        member(project)
    many = statements_on(browser, url(project, "change"))
    assert len(few) == len(many) <= MOST, "\n".join(many)
    assert ProjectMembership.objects.filter(project=project).count() == 21


def rows_with_pages() -> list[Model]:
    rows = [model._default_manager.order_by("-pk").first() for model in desk_models()]
    return [row for row in rows if row is not None]


def test_pages_of_rows_touch_one_partition_a_table(browser: Client) -> None:
    new_world(2)
    for row in rows_with_pages():
        statements = statements_on(browser, url(row, "change"))
        assert len(statements) <= MOST, "\n".join(statements)
        for statement in statements:
            tables = set(PARTITIONED.findall(statement))
            assert len(tables) <= 1, f"joins partitioned tables: {statement}"
            by_runner = '"runner_id" = ' in statement
            if tables and not by_runner:
                assert len(touched(statement)) == 1, statement


def touched(statement: str) -> set[str]:
    """The partitions that a statement's plan reads."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (FORMAT JSON) " + statement.replace("%", "%%"), [])
        plan = str(cursor.fetchone()[0])
    return set(re.findall(r"'Relation Name': '(ci_core_\w+_p\d+)'", plan))


def test_the_list_of_jobs_is_in_the_order_of_the_key_and_bounded(browser: Client) -> None:
    new_world(2)
    newest = Pipeline.objects.order_by("-pk").first()
    assert newest is not None
    plain = [sql for sql in statements_on(browser, url(Job)) if 'FROM "ci_core_job"' in sql]
    assert len(plain) == 2, plain
    assert all('"pipeline_id" > ' in sql for sql in plain)
    assert "LIMIT 10001" in plain[0]
    assert 'ORDER BY "ci_core_job"."pipeline_id" DESC, "ci_core_job"."id" DESC' in plain[1]
    for query, named in (
        (f"pipeline={newest.pk}", '"pipeline_id" = '),
        (f"project={newest.project.full_path}", '"project_id" = '),
        (f"q={Job.objects.in_pipeline(newest.pk).first().pk}", '"pipeline_id" IN '),
        ("runner=1", '"runner_id" = '),
    ):
        found = [sql for sql in statements_on(browser, f"{url(Job)}?{query}") if 'FROM "ci_core_job"' in sql]
        assert found
        assert all(named in sql for sql in found), found
    sorted_otherwise = statements_on(browser, f"{url(Job)}?o=2")
    assert any('ORDER BY "ci_core_job"."pipeline_id" DESC' in sql for sql in sorted_otherwise)


def test_lists_count_so_far_and_say_so(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    new_world(2)
    assert "There are more than these pages hold" not in browser.get(url(Job)).content.decode()
    monkeypatch.setattr(paging, "COUNTED", 3)
    page = browser.get(url(Job)).content.decode()
    assert "There are more than these pages hold" in page


def test_older_jobs_are_reached_by_narrowing(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    new_world(2)
    oldest = Pipeline.objects.order_by("pk").first()
    assert oldest is not None
    monkeypatch.setattr(job_pages, "REACH", 1)
    assert f">#{oldest.pk} on main<" not in browser.get(url(Job)).content.decode()
    for query in (f"pipeline={oldest.pk}", f"q={oldest.pk}", f"project={oldest.project.full_path}"):
        assert f">#{oldest.pk} on main<" in browser.get(f"{url(Job)}?{query}").content.decode(), query


def test_a_list_of_many_users_is_paged(browser: Client) -> None:
    UserFactory.create_batch(60)
    first, second = (browser.get(f"{url(User)}?p={page}").content.decode() for page in (1, 2))
    assert first.count("field-username ") == 50
    assert 0 < second.count("field-username ") < 50
