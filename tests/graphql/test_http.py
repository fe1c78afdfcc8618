"""GraphQL over HTTP: methods, media types, parameters and status codes, each by its rule of the specification."""

from __future__ import annotations

import json

import pytest

from graphql_api.http.media_types import JSON, RESPONSE, negotiated
from tests.support.graphql_client import PATH, as_anonymous

pytestmark = pytest.mark.django_db

NAME = "{ __typename }"


def post(body, *, accept=None, content_type="application/json"):
    headers = {"accept": accept} if accept is not None else {}
    data = body if isinstance(body, str | bytes) else json.dumps(body)
    return as_anonymous().http.post(PATH, data, content_type=content_type, headers=headers)


def get(accept=None, **parameters):
    headers = {"accept": accept} if accept is not None else {}
    return as_anonymous().http.get(PATH, parameters, headers=headers)


@pytest.mark.parametrize(
    ("accept", "answered_in"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE, RESPONSE),
        ("APPLICATION/GraphQL-Response+JSON", RESPONSE),
        (f"{RESPONSE}; charset=utf-8, {JSON}; charset=utf-8", RESPONSE),
        (f"{JSON}, {RESPONSE}", JSON),
        (f"{JSON};q=0.5, {RESPONSE}", RESPONSE),
        (f"{RESPONSE};q=0.5, {JSON}", JSON),
        (f"{RESPONSE}, */*;q=0.1", RESPONSE),
        (f"*/*, {JSON};q=0", RESPONSE),
        ("text/html, */*;q=0.1", JSON),
        ("text/html", None),
        (f"{JSON};q=0", None),
        (f"{JSON};q=x", None),
        (f"{JSON};charset=latin-1", None),
        (",".join(["text/html"] * 40 + [JSON]), None),
    ],
)
def test_media_type_of_the_answer(accept, answered_in):
    assert negotiated(accept) == answered_in


@pytest.mark.parametrize(("accept", "answered_in"), [(None, JSON), (JSON, JSON), (RESPONSE, RESPONSE)])
@pytest.mark.parametrize(
    "ask", [lambda accept: post({"query": NAME}, accept=accept), lambda accept: get(accept, query=NAME)]
)
def test_answers_say_their_media_type_and_encoding(accept, answered_in, ask):
    response = ask(accept)
    assert response.status_code == 200
    assert response["Content-Type"] == f"{answered_in}; charset=utf-8"
    assert response.json()["data"] == {"__typename": "Query"}


@pytest.mark.parametrize("accept", ["text/html", "image/*"])
def test_nothing_acceptable(accept):
    response = post({"query": NAME}, accept=accept)
    assert response.status_code == 406
    assert response.json()["errors"][0]["extensions"] == {"code": "not_acceptable"}


def test_text_is_utf_8():
    document = '{ __type(name: "Läufer🏃") { name } }'
    for content_type in (
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
    ):
        assert post({"query": document}, content_type=content_type).json()["data"] == {"__type": None}


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/graphql",
        "application/json; charset=latin-1",
    ],
)
def test_bodies_of_other_types(content_type):
    response = post({"query": NAME}, content_type=content_type)
    assert response.status_code == 415
    assert response.json()["errors"][0]["extensions"] == {"code": "unsupported_media_type"}


def test_body_without_a_type():
    assert post({"query": NAME}, content_type="").status_code == 400


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
@pytest.mark.parametrize(
    ("body", "part"),
    [
        (" ", "The body is not JSON"),
        ('{"query":', "The body is not JSON"),
        (b'{"query": "\xff"}', "The body is not JSON"),
        ("null", "must be a JSON object"),
        ("7", "must be a JSON object"),
        ({"qeury": NAME}, "`query` is missing"),
        ({"query": None}, "`query` is missing"),
        ({"query": ""}, "`query` is missing"),
        *(({"query": wrong}, "`query` must be a string") for wrong in ({}, 0, False, [])),
        *(
            ({"query": NAME, "operationName": wrong}, "`operationName` must be")
            for wrong in ({}, 0, False, [])
        ),
        *(({"query": NAME, "variables": wrong}, "`variables` must be") for wrong in ("x", 0, False, [7])),
        *(({"query": NAME, "extensions": wrong}, "`extensions` must be") for wrong in ("x", 0, False, [7])),
    ],
)
def test_requests_that_are_not_well_formed(accept, body, part):
    response = post(body, accept=accept)
    assert response.status_code == 400
    assert response["Content-Type"] == f"{accept}; charset=utf-8"
    (error,) = response.json()["errors"]
    assert part in error["message"]
    assert error["extensions"] == {"code": "bad_request"}


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
@pytest.mark.parametrize(
    "more",
    [
        {"variables": None},
        {"operationName": None},
        {"extensions": None},
        {"variables": {}, "extensions": {"a": 1}},
    ],
)
def test_parameters_that_may_be_null(accept, more):
    response = post({"query": NAME, **more}, accept=accept)
    assert response.status_code == 200
    assert "errors" not in response.json()


REQUEST_ERRORS = [
    {"query": "{"},
    {"query": "{ nothing }"},
    {"query": "query A { __typename } query B { __typename }"},
    {"query": "query A { __typename }", "operationName": "B"},
    {"query": "query($id: ID!) { __typename project(fullPath: $id) { id } }", "variables": {"id": None}},
    {"query": "fragment F on Query { __typename }"},
]


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (RESPONSE, 400)])
@pytest.mark.parametrize("body", REQUEST_ERRORS)
def test_documents_that_are_not_executed(accept, status, body):
    response = post(body, accept=accept)
    assert response.status_code == status
    answer = response.json()
    assert "data" not in answer
    assert answer["errors"][0]["message"]


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
def test_errors_of_fields_come_with_data(accept):
    document = 'query { __typename project(fullPath: "a\\u0000") { id } }'
    response = post({"query": document}, accept=accept)
    assert response.status_code == 200
    answer = response.json()
    assert answer["data"] == {"__typename": "Query", "project": None}
    assert answer["errors"][0]["path"] == ["project"]


def test_which_of_several_operations():
    documents = "query A { a: __typename } query B { b: __typename }"
    assert post({"query": documents, "operationName": "B"}).json()["data"] == {"b": "Query"}


def test_get_has_its_parameters_in_the_url():
    document = "query A($name: String!) { __type(name: $name) { name } } query B { __typename }"
    response = get(query=document, variables='{"name": "Query"}', operationName="A", extensions="{}")
    assert response.json()["data"] == {"__type": {"name": "Query"}}


@pytest.mark.parametrize("parameters", [{"variables": "{"}, {"variables": "[]"}, {"extensions": "7"}])
def test_get_with_parameters_that_are_not_objects(parameters):
    assert get(query=NAME, **parameters).status_code == 400


def test_get_without_a_query():
    assert get(JSON).status_code == 400


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
@pytest.mark.parametrize(
    "document",
    [
        "mutation { __typename }",
        'subscription { ciJobStatusUpdated(jobId: "gid://gitlab/Ci::Build/1") { id } }',
    ],
)
def test_get_carries_out_queries_only(accept, document):
    response = get(accept, query=document)
    assert response.status_code == 405
    assert response["Allow"] == "POST"
    assert response.json()["errors"][0]["extensions"] == {"code": "method_not_allowed"}


@pytest.mark.parametrize("method", ["head", "put", "delete", "patch", "options"])
def test_other_methods(method):
    response = getattr(as_anonymous().http, method)(PATH)
    assert response.status_code == 405
    assert response["Allow"] == "GET, POST"


def test_lists_of_operations_are_not_taken():
    response = post([{"query": NAME}])
    assert response.status_code == 400
    assert "lists of operations are not taken" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize(("accept", "status"), [(JSON, 401), (RESPONSE, 401)])
def test_keys_that_open_nothing(accept, status):
    response = as_anonymous().http.post(
        PATH,
        {"query": NAME},
        content_type="application/json",
        headers={"accept": accept, "PRIVATE-TOKEN": "x"},
    )
    assert response.status_code == status
    assert response["Content-Type"] == f"{accept}; charset=utf-8"
