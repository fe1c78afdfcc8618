"""Tables that grow are partitioned, and hot statements touch one partition."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ci_core import partitions
from ci_core.actions.jobs import succeed_job
from ci_core.actions.traces import append_trace
from ci_core.models import Job, Need, Pipeline
from tests.factories import pipeline_with

pytestmark = pytest.mark.django_db

CONFIG = """
a: {script: make}
b: {script: make, needs: [a]}
"""


def test_every_table_with_a_pipeline_is_partitioned() -> None:
    """A model that refers to a pipeline without a database constraint is one of the partitioned tables."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'p'")
        partitioned = {name for (name,) in cursor.fetchall()}
    assert partitioned == set(partitions.TABLES)
    referring = {
        model._meta.db_table
        for model in apps.get_app_config("ci_core").get_models()
        if any(
            field.related_model is Pipeline and not field.db_constraint  # type: ignore[attr-defined]
            for field in model._meta.concrete_fields
        )
    }
    assert referring == partitioned


def partitions_touched(sql: str, parameters: Any) -> set[str]:
    """Names of the partitions in the plan of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        plan = cursor.fetchone()[0]
    found: set[str] = set()
    _collect(plan[0]["Plan"], found)
    return found


def _collect(node: dict[str, Any], found: set[str]) -> None:
    name = node.get("Relation Name", "")
    if any(name.startswith(f"{table}_p") for table in partitions.TABLES):
        found.add(name)
    for child in node.get("Plans", ()):
        _collect(child, found)


def explain(queryset: Any) -> set[str]:
    sql, parameters = queryset.query.sql_with_params()
    return partitions_touched(sql, parameters)


def test_hot_reads_touch_one_partition() -> None:
    pipeline = pipeline_with(CONFIG)
    job = Job.objects.in_pipeline(pipeline.pk).get(name="b")
    assert explain(Job.objects.in_pipeline(pipeline.pk).latest_copies().in_order()) == {"ci_core_job_p00000"}
    assert explain(Job.objects.by_ids([job.pk])) == {"ci_core_job_p00000"}
    assert explain(Need.objects.in_pipeline(pipeline.pk)) == {"ci_core_need_p00000"}
    assert explain(Need.objects.of_jobs([job.pk])) == {"ci_core_need_p00000"}


def test_statements_of_a_transition_and_of_a_trace_touch_one_partition_a_table() -> None:
    pipeline = pipeline_with(CONFIG)
    job = Job.objects.in_pipeline(pipeline.pk).get(name="a")
    with CaptureQueriesContext(connection) as captured:
        append_trace(job, 0, b"hello")
        append_trace(job, 5, b"world")
        succeed_job(job.pk)
    checked = 0
    for query in captured.captured_queries:
        sql = query["sql"]
        if not sql.lstrip().upper().startswith(("SELECT", "UPDATE", "INSERT", "DELETE", "WITH")):
            continue
        if not any(table in sql for table in partitions.TABLES):
            continue
        touched = partitions_touched(sql.replace("%", "%%"), [])
        tables = {name.rpartition("_p")[0] for name in touched}
        assert len(touched) == len(tables), f"{touched}: {sql}"
        checked += 1
    assert checked >= 8


def test_order_by_key_needs_no_sort_across_partitions() -> None:
    sql, parameters = Job.objects.order_by("pipeline_id", "id")[:10].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", parameters)
        plan = str(cursor.fetchone()[0])
    assert "'Sort'" not in plan


def test_partitions_are_made_ahead() -> None:
    assert partitions.ensure(0) == []
    newest = partitions.PIPELINES_PER_PARTITION + 5
    made = partitions.ensure(newest)
    assert "ci_core_job_p00003" in made
    assert len(made) == len(partitions.TABLES)
    assert partitions.ensure(newest) == []


def test_the_command_names_what_it_made(capsys: pytest.CaptureFixture[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE ci_core_job_p00002")
    call_command("partitions")
    assert capsys.readouterr().out.split() == ["ci_core_job_p00002"]
