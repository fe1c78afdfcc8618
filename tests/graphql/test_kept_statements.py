"""The statement of a list that nothing narrows is built once, and gives each parent its own rows."""

from __future__ import annotations

import pytest

from ci_core import clock
from ci_core.models import Environment
from graphql_api import lateral
from graphql_api.lateral import count_per_parent, rows_per_parent
from graphql_api.recent import Recent
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db


def project_with(*names):
    project = ProjectFactory()
    now = clock.now()
    Environment.objects.bulk_create(
        Environment(project=project, name=name, slug=name, created_at=now, updated_at=now) for name in names
    )
    return project


@pytest.fixture
def built(monkeypatch):
    """How often Django built a statement."""
    monkeypatch.setattr(lateral, "_STATEMENTS", Recent(lateral.KEPT))
    count = []
    build = lateral._built

    def counted(*given):
        count.append(given)
        return build(*given)

    monkeypatch.setattr(lateral, "_built", counted)
    return count


def names_of(projects, *, order=("name",), limit=10, only=None, kept_as="environments", rows=None):
    found = rows_per_parent(
        Environment.objects.all() if rows is None else rows,
        ("project_id",),
        [(project.pk,) for project in projects],
        order,
        limit,
        only=only,
        kept_as=kept_as,
    )
    return [[row.name for row in found.get((project.pk,), [])] for project in projects]


def test_one_statement_serves_any_parent_and_another_any_number_of_them(built):
    few, many, none = project_with("a"), project_with("a", "b", "c"), project_with()
    assert names_of([few]) == [["a"]]
    assert names_of([many]) == [["a", "b", "c"]]
    assert names_of([many, none, few]) == [["a", "b", "c"], [], ["a"]]
    assert names_of([few, none]) == [["a"], []]
    assert names_of([]) == []
    assert len(built) == 2


def test_order_limit_and_columns_have_statements_of_their_own(built):
    project = project_with("a", "b", "c")
    for _ in range(2):
        assert names_of([project], limit=2) == [["a", "b"]]
        assert names_of([project], order=("-name",)) == [["c", "b", "a"]]
        assert names_of([project], only=("id", "name", "project_id")) == [["a", "b", "c"]]
        assert names_of([project], kept_as="others", rows=Environment.objects.exclude(name="b")) == [
            ["a", "c"]
        ]
    assert len(built) == 4


def test_lists_without_a_name_are_built_each_time(built):
    project = project_with("a", "b")
    for name in ("a", "b"):
        assert names_of([project], kept_as=None, rows=Environment.objects.filter(name=name)) == [[name]]
    assert len(built) == 2


def test_no_more_are_kept_than_agreed(built, monkeypatch):
    monkeypatch.setattr(lateral, "_STATEMENTS", Recent(3))
    project = project_with("a")
    for limit in (1, 2, 3, 4, 2, 3, 4, 1):
        names_of([project], limit=limit)
    # The first made room for the fourth, and was built again.
    assert len(built) == 5


def test_the_statement_that_counts_is_kept_too(monkeypatch):
    monkeypatch.setattr(lateral, "_STATEMENTS", Recent(lateral.KEPT))
    counted = []
    build = lateral._built_count
    monkeypatch.setattr(lateral, "_built_count", lambda *given: counted.append(given) or build(*given))
    projects = project_with("a", "b", "c"), project_with("b"), project_with()
    rows = Environment.objects.all()

    def totals(of, limit=None, kept_as="environments"):
        found = count_per_parent(rows, ("project_id",), [(one.pk,) for one in of], limit, kept_as=kept_as)
        return [found.get((one.pk,), 0) for one in of]

    assert [totals([project]) for project in projects] == [[3], [1], [0]]
    assert len(counted) == 1
    assert totals(projects) == [3, 1, 0]
    assert totals(projects, limit=1) == [2, 1, 0]
    assert [totals([project], limit=1) for project in projects] == [[2], [1], [0]]
    assert len(counted) == 4
    assert totals(projects, kept_as=None) == totals(projects, kept_as=None) == [3, 1, 0]
    assert len(counted) == 6
