"""Statements that a request is expected to ask are sent in one message, and give what they would give by themselves."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from psycopg.pq import TransactionStatus

from ci_core.expected import MOST_STATEMENTS, MOST_VALUES, Expected, expecting
from ci_core.prepared import BETWEEN, fetch_by_cursor, fetch_planned, fetch_prepared, fetch_together
from ci_core.statements import Statement

pytestmark = pytest.mark.django_db(transaction=True)

ONE = Statement("SELECT %s::bigint AS one", (1,))
IDS = Statement.of("SELECT unnest(%s::bigint[]) AS id", [[3, 4]])
PLANNED = Statement("SELECT %s::text AS text", ("it's",), planned=True)
WRONG = Statement("SELECT 1 / %s::bigint AS a", (0,))


@pytest.fixture
def messages():
    """The statements of each message that goes to PostgreSQL past Django's cursor."""
    sent = []

    def note(execute, sql, *rest):
        sent.append(sql.split(BETWEEN))
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield sent


def asked(statement):
    """What is read for a statement, as whoever needs it asks."""
    values = [list(value) if isinstance(value, tuple) else value for value in statement.values]
    fetch = fetch_planned if statement.planned else fetch_prepared
    return fetch(statement.sql, values)


def by_cursor(statement):
    values = [list(value) if isinstance(value, tuple) else value for value in statement.values]
    return fetch_by_cursor(statement.sql, values)


def test_all_go_in_one_message_with_the_first(messages):
    rows = {statement: by_cursor(statement) for statement in (ONE, IDS, PLANNED)}
    messages.clear()
    with expecting(Expected([ONE, IDS, PLANNED])):
        for statement in (PLANNED, ONE, IDS, ONE):
            assert asked(statement) == rows[statement]
        assert fetch_together([ONE, IDS]) == [rows[ONE], rows[IDS]]
    assert messages == [[PLANNED.sql, ONE.sql, IDS.sql]]


def test_what_was_not_expected_is_read_when_it_is_asked_for(messages):
    expected = Expected([ONE])
    other = Statement(ONE.sql, (2,))
    with expecting(expected):
        assert asked(other) == (("one",), [(2,)])
        assert asked(IDS) == (("id",), [(3,), (4,)])
        assert fetch_together([ONE, PLANNED]) == [(("one",), [(1,)]), (("text",), [("it's",)])]
    assert messages == [[other.sql, ONE.sql], [IDS.sql], [PLANNED.sql]]
    assert list(expected.asked) == [other, IDS, ONE, PLANNED]


def test_the_rows_are_those_of_now():
    counting = Statement("SELECT count(*) AS number FROM counted", ())
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE counted (id bigint)")
    try:
        for number in range(3):
            with expecting(Expected([ONE, counting])):
                asked(ONE)
                assert asked(counting) == (("number",), [(number,)])
            with connection.cursor() as cursor:
                cursor.execute("INSERT INTO counted VALUES (1)")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE counted")


def test_one_that_fails_is_an_error_only_for_who_asks_for_it():
    with expecting(Expected([ONE, WRONG, IDS])):
        assert asked(ONE) == by_cursor(ONE)
        assert asked(IDS) == by_cursor(IDS)
        with pytest.raises(DatabaseError, match="division by zero"):
            asked(WRONG)
        assert asked(PLANNED) == by_cursor(PLANNED)


def test_in_a_transaction_nothing_is_sent_that_nobody_has_asked_for(messages):
    with transaction.atomic(), expecting(Expected([WRONG, ONE])):
        assert asked(IDS) == (("id",), [(3,), (4,)])
    assert [IDS.sql] in messages
    assert not any(WRONG.sql in message for message in messages)


def test_whoever_logs_statements_sees_those_that_were_asked_for():
    with CaptureQueriesContext(connection) as captured, expecting(Expected([ONE, WRONG])):
        assert asked(IDS) == (("id",), [(3,), (4,)])
        assert asked(PLANNED) == (("text",), [("it's",)])
    assert len(captured.captured_queries) == 2


def test_something_is_done_while_the_first_rows_are_awaited():
    done = []
    with expecting(Expected((), lambda: done.append(connection.connection.info.transaction_status))):
        asked(ONE)
        asked(IDS)
    assert done == [TransactionStatus.ACTIVE]


def test_what_fails_meanwhile_leaves_the_connection_in_order():
    def fail():
        raise LookupError("meanwhile")

    with expecting(Expected([IDS], fail)):
        with pytest.raises(LookupError, match="meanwhile"):
            asked(ONE)
        assert asked(IDS) == (("id",), [(3,), (4,)])


def test_a_connection_that_is_lost_is_an_error_as_ever():
    ending = Statement("SELECT pg_terminate_backend(pg_backend_pid())", ())
    with expecting(Expected([ending])):
        with pytest.raises(DatabaseError):
            asked(ONE)
        connection.close()
        assert asked(ONE) == (("one",), [(1,)])


def test_long_lists_and_endless_statements_are_not_remembered():
    expected = Expected()
    with expecting(expected):
        fetch_prepared(IDS.sql, [list(range(MOST_VALUES + 1))])
        for number in range(MOST_STATEMENTS + 1):
            fetch_prepared(ONE.sql, [number])
    assert list(expected.asked) == [Statement(ONE.sql, (number,)) for number in range(MOST_STATEMENTS)]
