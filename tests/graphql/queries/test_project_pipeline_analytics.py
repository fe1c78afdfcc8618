"""Project.pipelineAnalytics."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core import clock
from ci_core.models import Pipeline, Project
from tests.factories import ProjectFactory, UserFactory
from tests.graphql.runners import as_admin
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import assert_same_count

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)

FIGURES = """count failed: count(status: FAILED) success: count(status: SUCCESS) other: count(status: OTHER)
  durationStatistics { p50 p75 p90 p95 p99 }"""


@pytest.fixture
def project():
    return ProjectFactory(full_path="group/shop", visibility="public")


@pytest.fixture(autouse=True)
def _at_noon(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


def ran(project, status="success", *, ago=timedelta(hours=1), duration=60, **fields):
    """A pipeline that started some time ago."""
    started = NOW - ago
    iid = Pipeline.objects.filter(project=project).count() + 1
    defaults = {"ref": "main", "source": "push", "sha": f"{iid:040x}", "before_sha": "0" * 40}
    return Pipeline.objects.create(
        project=project,
        iid=iid,
        status=status,
        duration=duration,
        created_at=started,
        updated_at=started,
        started_at=started,
        **{**defaults, **fields},
    )


def ask(fields, arguments="", client=None):
    document = f'{{ project(fullPath: "group/shop") {{ pipelineAnalytics{arguments} {{ {fields} }} }} }}'
    return (client or as_anonymous()).data(document)["project"]["pipelineAnalytics"]


def test_what_came_of_them_and_how_long_they_took(project):
    for number in range(1, 101):
        ran(project, "failed" if number <= 20 else "success", duration=number)
    ran(project, "canceled", duration=None)
    ran(project, "skipped", duration=None)
    ran(project, "running", duration=None)
    ran(ProjectFactory())
    found = ask(f"aggregate {{ label {FIGURES} }}")["aggregate"]
    lengths = found.pop("durationStatistics")
    assert lengths == pytest.approx({"p50": 50.5, "p75": 75.25, "p90": 90.1, "p95": 95.05, "p99": 99.01})
    assert found == {
        "label": None,
        "count": "102",
        "success": "80",
        "failed": "20",
        "other": "2",
    }


def test_nothing_to_count(project):
    found = ask(f"aggregate {{ {FIGURES} }}")["aggregate"]
    assert (found["count"], found["failed"]) == ("0", "0")
    assert set(found["durationStatistics"].values()) == {None}


def test_which_are_looked_at(project):
    ran(project, ago=timedelta(days=6))
    ran(project, ago=timedelta(days=8))
    ran(project, source="web")
    ran(project, ref="next")

    def count(arguments=""):
        return ask("aggregate { count }", arguments)["aggregate"]["count"]

    assert count() == "3"
    assert count("(source: WEB)") == count('(ref: "next")') == "1"
    assert count('(fromTime: "2026-03-01T00:00:00Z")') == "4"
    assert count('(fromTime: "2026-03-01T00:00:00Z", toTime: "2026-03-05T12:00:00Z")') == "1"
    assert count('(fromTime: "2026-03-05T12:00:00Z", toTime: "2026-03-05T12:00:01Z")') == "1"


@pytest.mark.parametrize(
    ("times", "told"),
    [
        ("2026-03-12/2026-03-11", "fromTime must not be later than toTime."),
        ("2025-03-09/2026-03-11", "fromTime must be within the 366 days before toTime."),
    ],
)
def test_times_that_cannot_be(project, times, told):
    start, _, end = times.partition("/")
    document = f"""{{ project(fullPath: "group/shop") {{
      pipelineAnalytics(fromTime: "{start}", toTime: "{end}") {{ aggregate {{ count }} }} }} }}"""
    assert as_anonymous().error(document) == told


def test_periods(project):
    ran(project, "failed", ago=timedelta(days=1))
    ran(project, ago=timedelta(days=1), duration=30)
    ran(project, ago=timedelta(days=9))

    def series(period, start):
        arguments = f'(fromTime: "{start}T00:00:00Z")'
        points = ask(f"timeSeries(period: {period}) {{ label {FIGURES} }}", arguments)["timeSeries"]
        return [(point["label"], point["success"], point["failed"]) for point in points]

    assert series("DAY", "2026-03-09") == [
        ("2026-03-09", "0", "0"),
        ("2026-03-10", "1", "1"),
        ("2026-03-11", "0", "0"),
    ]
    assert series("WEEK", "2026-03-01") == [
        ("2026-02-23", "0", "0"),
        ("2026-03-02", "1", "0"),
        ("2026-03-09", "1", "1"),
    ]
    assert series("MONTH", "2026-01-31") == [
        ("2026-01-01", "0", "0"),
        ("2026-02-01", "0", "0"),
        ("2026-03-01", "2", "1"),
    ]
    points = ask("timeSeries(period: DAY) { durationStatistics { p50 } }")["timeSeries"]
    assert [point["durationStatistics"]["p50"] for point in points[-2:]] == [45.0, None]


def test_charts(project):
    ran(project, "failed", ago=timedelta(days=1))
    ran(project, "running", ago=timedelta(0))
    ran(project, ago=timedelta(days=20))
    ran(project, ago=timedelta(days=300))
    ran(project, ago=timedelta(days=500))
    found = ask("""weekPipelinesLabels weekPipelinesTotals weekPipelinesSuccessful
      monthPipelinesLabels monthPipelinesTotals yearPipelinesLabels yearPipelinesTotals""")
    assert found["weekPipelinesLabels"][0] == "04 March"
    assert found["weekPipelinesLabels"][-1] == "11 March"
    assert found["weekPipelinesTotals"] == [0, 0, 0, 0, 0, 0, 1, 1]
    assert found["weekPipelinesSuccessful"] == [0] * 8
    assert found["monthPipelinesLabels"][0] == "11 February"
    assert len(found["monthPipelinesTotals"]) == 29
    assert sum(found["monthPipelinesTotals"]) == 3
    assert found["yearPipelinesLabels"][0] == "01 March 2025"
    assert len(found["yearPipelinesTotals"]) == 13
    assert sum(found["yearPipelinesTotals"]) == 4


def test_the_newest_pipelines(project):
    for number in range(32):
        ran(project, duration=60 * number + 59)
    ran(project, "running", duration=None)
    found = ask("pipelineTimesLabels pipelineTimesValues")
    assert found["pipelineTimesValues"] == [*range(3, 32), 0]
    newest = Pipeline.objects.latest("id")
    assert found["pipelineTimesLabels"][-1] == newest.sha[:8]


def test_strangers_see_none_of_a_private_project():
    ran(ProjectFactory(full_path="group/hidden"))
    document = '{ project(fullPath: "group/hidden") { pipelineAnalytics { aggregate { count } } } }'
    for client in (as_anonymous(), as_user(UserFactory())):
        assert client.data(document) == {"project": None}


def test_an_index_finds_them(project):
    Pipeline.objects.bulk_create(
        Pipeline(
            project=project,
            iid=number,
            status="success",
            created_at=NOW - timedelta(hours=number),
            updated_at=NOW,
            started_at=NOW - timedelta(hours=number),
        )
        for number in range(1, 5001)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE ci_core_pipeline")
    with CaptureQueriesContext(connection) as captured:
        ask(f"aggregate {{ {FIGURES} }} timeSeries(period: DAY) {{ count }} weekPipelinesTotals")
    statements = [query["sql"] for query in captured.captured_queries if "count(*)" in query["sql"]]
    assert len(statements) == 3
    with connection.cursor() as cursor:
        for sql in statements:
            cursor.execute(f"EXPLAIN {sql.replace('%', '%%')}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "ci_pipeline_by_start" in plan or "ci_pipeline_by_creation" in plan, plan


def test_statements_do_not_depend_on_rows():
    client = as_admin()
    document = """{ projects { nodes { pipelineAnalytics { aggregate { count } timeSeries(period: DAY) { count }
      weekPipelinesLabels weekPipelinesTotals weekPipelinesSuccessful yearPipelinesTotals
      pipelineTimesLabels pipelineTimesValues } } } }"""

    def grow(size):
        for _ in range(Project.objects.count(), size):
            ran(ProjectFactory())

    assert_same_count("project.pipelineAnalytics", lambda: client.data(document), grow, (1, 10))
