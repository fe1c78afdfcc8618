"""Prepared statements give the rows that Django's cursor gives, and outlive changes of their tables."""

from __future__ import annotations

import gc
from datetime import UTC, datetime

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.types.json import Jsonb

from ci_core import prepared, statements
from ci_core.prepared import fetch_by_cursor, fetch_named, fetch_planned, fetch_prepared, fetch_together
from ci_core.statements import Statement

VALUES = "SELECT %s::bigint AS number, %s::text AS name, %s::bigint[] AS many, now() - now() AS none, null AS nothing"


def known():
    """The statements that the connection has prepared."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements WHERE name LIKE 'pipeyard_%%'")
        return [statement for (statement,) in cursor.fetchall()]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("values", [[1, "a", [1, 2]], [-(2**62), "ü 'quoted' {x}, \\", []], [0, "", [7]]])
def test_both_ways_give_the_same(values):
    assert fetch_prepared(VALUES, values) == fetch_by_cursor(VALUES, values)
    assert any("AS nothing" in statement for statement in known())


@pytest.mark.django_db(transaction=True)
def test_moments_are_those_of_django():
    sql = "SELECT moment FROM unnest(ARRAY['2026-03-29 01:30+01', '1999-12-31 23:59:59.999999Z']::timestamptz[]) moment"
    (_, straight), (_, by_cursor) = fetch_prepared(sql, []), fetch_by_cursor(sql, [])
    assert [(row[0], row[0].utcoffset()) for row in straight] == [
        (row[0], row[0].utcoffset()) for row in by_cursor
    ]


@pytest.mark.django_db(transaction=True)
def test_a_table_may_change():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE changing AS SELECT 1 AS a")
    try:
        assert fetch_prepared("SELECT * FROM changing", []) == (("a",), [(1,)])
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE changing ADD COLUMN b text DEFAULT 'new'")
        assert fetch_prepared("SELECT * FROM changing", []) == (("a", "b"), [(1, "new")])
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE changing")


@pytest.mark.django_db(transaction=True)
def test_statements_may_be_thrown_away():
    fetch_prepared("SELECT 1 AS kept", [])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert fetch_prepared("SELECT 1 AS kept", []) == (("kept",), [(1,)])


@pytest.mark.django_db(transaction=True)
def test_a_transaction_sees_its_own_changes_and_is_ended_by_an_error():
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE own ON COMMIT DROP AS SELECT 5 AS a")
        assert fetch_prepared("SELECT a FROM own", []) == (("a",), [(5,)])
    with pytest.raises(DatabaseError), transaction.atomic():
        fetch_prepared("SELECT 1 / %s::bigint", [0])
    assert fetch_prepared(*ONE[:2]) == (("a",), [(1,)])


@pytest.mark.django_db(transaction=True)
def test_the_first_statement_of_a_transaction_begins_it():
    with transaction.atomic():
        fetch_prepared("SELECT 1 AS first", [])
        with connection.cursor() as cursor:
            cursor.execute("SELECT now() <> statement_timestamp()")
            assert cursor.fetchone() == (True,)


@pytest.mark.django_db(transaction=True)
def test_no_more_are_kept_than_agreed(monkeypatch):
    monkeypatch.setattr(statements, "KEPT", 5)
    for number in range(12):
        fetch_prepared(f"SELECT {number} AS a", [])
        assert len(known()) <= 5


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_nobody_has_any_more_is_not_kept():
    connection.ensure_connection()
    opened = psycopg.connect(connection.connection.info.dsn, autocommit=True)
    prepared._BY_CONNECTION[opened] = statements.Statements(opened)
    before = len(prepared._BY_CONNECTION)
    opened.close()
    del opened
    gc.collect()
    assert len(prepared._BY_CONNECTION) == before - 1


@pytest.mark.django_db
def test_whoever_logs_statements_sees_them():
    with CaptureQueriesContext(
        connection,
    ) as captured:
        fetch_prepared("SELECT %s::bigint AS seen", [3])
    assert ["3" in query["sql"] and "seen" in query["sql"] for query in captured.captured_queries] == [True]


@pytest.mark.django_db(transaction=True)
def test_it_can_be_switched_off(settings):
    settings.PIPEYARD_PREPARED_STATEMENTS = False
    assert fetch_prepared("SELECT %s::text AS off", ["x"]) == (("off",), [("x",)])
    assert not any("AS off" in statement for statement in known())


@pytest.mark.django_db(transaction=True)
def test_text_with_nul_is_refused():
    with pytest.raises(ValueError, match="NUL"):
        fetch_prepared("SELECT %s::text AS a", ["a\0b"])


MOMENT = datetime(2026, 3, 29, 1, 30, 0, 250, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("value", "type_"),
    [
        (None, "text"),
        (True, "boolean"),
        (80.25, "double precision"),
        (MOMENT, "timestamptz"),
        (["", 'a"b', "c\\d", "{e,f}", "NULL", "ü"], "text[]"),
        ([], "text[]"),
        (Jsonb([{"key": "A", "value": 'it\'s "ü"'}]), "jsonb"),
    ],
)
def test_values_of_every_type_arrive_as_by_the_cursor(value, type_):
    sql = f"SELECT %s::{type_} AS a"
    assert fetch_prepared(sql, [value]) == fetch_by_cursor(sql, [value])
    assert any(type_ in statement for statement in known())


@pytest.mark.django_db(transaction=True)
def test_parameters_may_have_names():
    named = {"b": 2, "a": 1, "unused": 3}
    assert fetch_named("SELECT %(a)s::bigint, %(b)s::bigint, %(a)s::bigint", named) == [(1, 2, 1)]


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_finds_them_thrown_away_fails_alone():
    fetch_prepared("SELECT 2 AS kept", [])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(DatabaseError), transaction.atomic():
        fetch_prepared("SELECT 2 AS kept", [])
    with transaction.atomic():
        assert fetch_prepared("SELECT 2 AS kept", []) == (("kept",), [(2,)])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "values", [[1, "a", [1, 2]], [-(2**62), "ü 'quoted' {x}, \\ $1 %s", []], [0, "'; DROP TABLE x; --", [7]]]
)
def test_planned_for_its_values_a_statement_gives_the_same(values):
    planned = VALUES + " -- planned"
    assert fetch_planned(planned, values) == fetch_by_cursor(VALUES, values)
    assert not any("-- planned" in statement for statement in known())


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("value", [True, None, 1.5, ["text"], [True]])
def test_what_libpq_is_not_given_goes_by_the_cursor(value):
    sql = "SELECT %s IS NULL AS missing, '100%%' AS percent"
    assert fetch_planned(sql, [value]) == (("missing", "percent"), [(value is None, "100%")])


@pytest.mark.django_db(transaction=True)
def test_a_text_of_a_planned_statement_cannot_hold_nul():
    with pytest.raises(ValueError, match="NUL"):
        fetch_planned("SELECT %s::text", ["a\0b"])


NUMBERS = "SELECT generate_series(1, %s::bigint) AS number, repeat('x', %s::bigint::int) AS text"
GIVEN = [(NUMBERS, [3, 1]), (VALUES, [1, "a", [1, 2]]), (NUMBERS, [0, 1]), (NUMBERS, [2, 2])]
ONE = Statement("SELECT 1 AS a", ())
SEVERAL = [Statement.of(sql, values) for sql, values in GIVEN]


@pytest.mark.django_db(transaction=True)
def test_statements_that_are_sent_at_once_give_what_each_gives():
    expected = [fetch_by_cursor(sql, values) for sql, values in GIVEN]
    assert fetch_together(SEVERAL) == expected
    # And again, when they are prepared; with others in between.
    assert fetch_together(SEVERAL) == expected
    assert fetch_prepared(*GIVEN[1]) == expected[1]
    assert fetch_together(SEVERAL[:1]) == expected[:1]


@pytest.mark.django_db(transaction=True)
def test_what_is_sent_at_once_may_be_larger_than_any_buffer():
    """Neither side waits for the other: the questions and the answers are megabytes."""
    ids = list(range(10**6, 10**6 + 200_000))
    asked = [Statement.of("SELECT unnest(%s::bigint[]) AS id", [ids])] * 4
    assert [len(rows) for _, rows in fetch_together(asked)] == [len(ids)] * 4


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_that_fails_is_told_and_the_connection_goes_on(place):
    asked = [Statement.of("SELECT 1 / %s::bigint AS a", [0 if number == place else 1]) for number in range(3)]
    with pytest.raises(DatabaseError, match="division by zero"):
        fetch_together(asked)
    assert fetch_together(asked[:place] + asked[place + 1 :]) == [(("a",), [(1,)])] * 2
    with pytest.raises(DatabaseError, match="no_such_table"):
        fetch_together([ONE, Statement("SELECT * FROM no_such_table", ())])
    assert fetch_together([ONE]) == [(("a",), [(1,)])]


@pytest.mark.django_db(transaction=True)
def test_within_a_transaction_they_are_part_of_it():
    with pytest.raises(DatabaseError), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE own ON COMMIT DROP AS SELECT 5 AS a")
        assert fetch_together([Statement("SELECT a FROM own", ())] * 2) == [(("a",), [(5,)])] * 2
        fetch_together([ONE, Statement("SELECT 1 / %s::bigint", (0,))])
    with transaction.atomic():
        fetch_together([ONE])
        with connection.cursor() as cursor:
            cursor.execute("SELECT now() <> statement_timestamp()")
            assert cursor.fetchone() == (True,)


@pytest.mark.django_db(transaction=True)
def test_those_that_were_forgotten_are_prepared_again(monkeypatch):
    fetch_together(SEVERAL)
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    assert [len(rows) for _, rows in fetch_together(SEVERAL)] == [3, 1, 0, 2]
    monkeypatch.setattr(statements, "KEPT", 3)
    for number in range(5):
        asked = [Statement(f"SELECT {number} AS {name}", ()) for name in "abc"]
        assert fetch_together(asked) == [((name,), [(number,)]) for name in "abc"]
        assert len(known()) <= 3


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_is_lost_meanwhile_is_an_error_and_the_next_one_works():
    with pytest.raises(DatabaseError):
        fetch_together([ONE, Statement("SELECT pg_terminate_backend(pg_backend_pid())", ())])
    connection.close()
    assert fetch_together([ONE]) == [(("a",), [(1,)])]


@pytest.mark.django_db
def test_whoever_logs_statements_sees_each_of_those_sent_at_once():
    with CaptureQueriesContext(connection) as captured:
        found = fetch_together(SEVERAL)
    assert len(captured.captured_queries) == len(SEVERAL)
    assert [len(rows) for _, rows in found] == [3, 1, 0, 2]
