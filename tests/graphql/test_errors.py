"""How errors are told: every class of the domain has its place, and bugs are masked."""

from __future__ import annotations

import pytest
from graphql import GraphQLError

import ci_core.actions  # noqa: F401 - declares errors of its own, if any
from ci_core.errors import CiError, Forbidden, NotFound, RefNotFound
from graphql_api import errors
from graphql_api.errors import DELIVERY, UNAVAILABLE_MESSAGE, Delivery, delivery_of, presented
from tests.support.graphql_client import as_anonymous


def subclasses(kind):
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def test_every_error_of_the_domain_has_its_place():
    known = {kind for kind in subclasses(CiError) if kind.__module__.startswith("ci_core.")}
    assert known <= DELIVERY.keys()


def test_entries_are_not_stale():
    assert all(issubclass(kind, CiError) for kind in DELIVERY)
    assert delivery_of(NotFound()) is Delivery.UNAVAILABLE
    assert delivery_of(RefNotFound()) is Delivery.MESSAGE


def test_a_new_kind_of_error_is_told_as_the_one_above_it():
    class Newer(Forbidden):
        """Not in the table."""

    assert delivery_of(Newer()) is Delivery.UNAVAILABLE


def error_of(original):
    return presented(GraphQLError("told", original_error=original), "request-1").formatted


def test_what_may_not_exist_is_not_told():
    found = error_of(NotFound("There is no project 'secret'."))
    assert found == {"message": UNAVAILABLE_MESSAGE, "extensions": {"code": "not_found"}}


def test_what_is_seen_but_not_allowed_has_a_reason():
    found = error_of(Forbidden("Your role does not allow this."))
    assert found["message"] == UNAVAILABLE_MESSAGE
    assert found["extensions"] == {"code": "forbidden", "reason": "Your role does not allow this."}


def test_errors_with_sentences_keep_them():
    assert error_of(RefNotFound("No ref.")) == {"message": "No ref.", "extensions": {"code": "ref_not_found"}}


def test_bugs_are_masked_and_logged(caplog):
    found = error_of(ZeroDivisionError("password is 42"))
    assert found == {
        "message": "Internal server error",
        "extensions": {"code": "internal", "requestId": "request-1"},
    }
    assert "request-1" in caplog.text


@pytest.mark.django_db
def test_bug_in_a_resolver(monkeypatch):
    from graphql_api.queries import projects

    def broken(full_path, principal):
        raise ZeroDivisionError("password is 42")

    monkeypatch.setattr(projects, "find_project", broken)
    client = as_anonymous()
    client.headers["X-Request-Id"] = "request-12345"
    answer = client.execute('{ a: project(fullPath: "x") { id } currentUser { id } }')
    assert answer["data"] == {"a": None, "currentUser": None}
    (error,) = answer["errors"]
    assert error["message"] == errors.INTERNAL_MESSAGE
    assert error["path"] == ["a"]
    assert error["extensions"] == {"code": "internal", "requestId": "request-12345"}
    assert "password" not in str(answer)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("document", "part"),
    [
        ("{ nothing }", "Cannot query field 'nothing' on type 'Query'."),
        ("{ project { id } }", "of type 'ID!' is required"),
        ("{", "Syntax Error"),
        ("{ currentUser { username @gl_introduced } }", "of type 'String!' is required"),
    ],
)
def test_bad_documents_are_told(document, part):
    assert part in as_anonymous().error(document)
