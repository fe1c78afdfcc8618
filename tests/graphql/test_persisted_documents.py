"""Documents by digest: kept for clients within bounds, and the list of those that alone are carried out."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from ci_core.actions.documents import remember_document, trust_documents
from ci_core.models import PersistedDocument, Pipeline
from graphql_api import persisted
from graphql_api.http.media_types import JSON, RESPONSE
from graphql_api.recent import Recent
from tests.factories import member, project_with
from tests.graphql.subscriptions.scenarios import run
from tests.support.graphql_client import PATH, as_anonymous, as_user
from tests.support.graphql_socket import GraphQLSocket
from tests.support.query_counts import statements_of

digest_of = PersistedDocument.digest_of
pytestmark = pytest.mark.django_db

NAME = "{ __typename }"
DATA = {"__typename": "Query"}


@pytest.fixture(autouse=True)
def _nothing_known(monkeypatch):
    monkeypatch.setattr(persisted, "_RECENT", Recent(persisted.KNOWN_CHARACTERS))


def by_digest(text, **more):
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest_of(text)}}, **more}


def post(body, accept=JSON, client=None):
    client = client or as_anonymous()
    headers = {**client.headers, "accept": accept}
    return client.http.post(PATH, json.dumps(body), content_type=JSON, headers=headers)


def code(response):
    answer = response.json()
    assert "data" not in answer
    (error,) = answer["errors"]
    return error["message"], error["extensions"]["code"]


NOT_FOUND = ("PersistedQueryNotFound", "PERSISTED_QUERY_NOT_FOUND")


def test_first_the_digest_then_the_document_then_the_digest():
    assert code(post(by_digest(NAME))) == NOT_FOUND
    assert post(by_digest(NAME, query=NAME)).json()["data"] == DATA
    assert post(by_digest(NAME)).json()["data"] == DATA
    assert (
        as_anonymous()
        .http.get(PATH, {"extensions": json.dumps(by_digest(NAME)["extensions"])})
        .json()["data"]
        == DATA
    )
    row = PersistedDocument.objects.get()
    assert (row.text, row.trusted) == (NAME, False)


def test_a_document_that_is_known_takes_no_statement():
    post(by_digest(NAME, query=NAME))
    post(by_digest(NAME))
    assert statements_of(lambda: post(by_digest(NAME))) == []
    assert statements_of(lambda: post(by_digest(NAME, query=NAME))) == []


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (RESPONSE, 400)])
def test_statuses(accept, status):
    assert post(by_digest(NAME), accept).status_code == status


def test_digest_of_another_document():
    assert code(post(by_digest("{ other }", query=NAME)))[1] == "PERSISTED_QUERY_HASH_MISMATCH"
    assert PersistedDocument.objects.count() == 0


@pytest.mark.parametrize(
    "given",
    [7, {}, {"version": 2, "sha256Hash": "0" * 64}, {"version": 1, "sha256Hash": "x"}, {"version": 1}],
)
def test_what_is_no_digest(given):
    assert code(post({"query": NAME, "extensions": {"persistedQuery": given}}))[1] == "bad_request"


@pytest.mark.parametrize("wrong", ["{", "{ nothing }", "{ a: __typename b: __typename }"])
def test_documents_that_are_refused_are_not_kept(wrong, settings):
    settings.PIPEYARD_GRAPHQL_ALIAS_LIMIT = 1
    assert "errors" in post(by_digest(wrong, query=wrong)).json()
    assert PersistedDocument.objects.count() == 0


def test_what_the_database_cannot_hold_is_not_kept():
    odd = "{ __typename } # \0"
    assert post(by_digest(odd, query=odd)).json()["data"] == DATA
    assert PersistedDocument.objects.count() == 0


def test_beyond_the_limit_the_oldest_are_forgotten(settings):
    settings.PIPEYARD_GRAPHQL_PERSISTED_LIMIT = 2
    trust_documents([NAME])
    for text in ("{ a: __typename }", "{ b: __typename }", "{ c: __typename }", "{ c: __typename }"):
        remember_document(text)
    kept = set(PersistedDocument.objects.values_list("text", flat=True))
    assert kept == {NAME, "{ b: __typename }", "{ c: __typename }"}


def test_switched_off(settings):
    settings.PIPEYARD_GRAPHQL_PERSISTED_LIMIT = 0
    assert code(post(by_digest(NAME))) == ("PersistedQueryNotSupported", "PERSISTED_QUERY_NOT_SUPPORTED")
    assert post(by_digest(NAME, query=NAME)).json()["data"] == DATA
    assert PersistedDocument.objects.count() == 0


def test_mutations_by_digest_are_not_for_get():
    project = project_with("build: {script: x}", full_path="group/shop")
    client = as_user(member(project))
    text = 'mutation { pipelineCreate(input: {projectPath: "group/shop", ref: "main"}) { errors } }'
    remember_document(text)
    parameters = {"extensions": json.dumps(by_digest(text)["extensions"])}
    assert client.http.get(PATH, parameters, headers=client.headers).status_code == 405
    assert Pipeline.objects.count() == 0
    assert post(by_digest(text), client=client).json()["data"] == {"pipelineCreate": {"errors": []}}


# --- the list ---------------------------------------------------------------------------------------------------


def test_only_documents_on_the_list(settings):
    trust_documents([NAME])
    remember_document("{ a: __typename }")
    settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY = True
    assert post({"query": NAME}).json()["data"] == DATA
    assert post(by_digest(NAME)).json()["data"] == DATA
    for body in (
        {"query": "{ a: __typename }"},
        by_digest("{ a: __typename }"),
        by_digest("{ a: __typename }", query="{ a: __typename }"),
        {"query": NAME + " "},
        {"query": "{ __schema { queryType { name } } }"},
    ):
        assert code(post(body))[1] == "document_not_trusted", body
    assert PersistedDocument.objects.count() == 2


def test_taken_off_the_list(settings, monkeypatch):
    settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY = True
    trust_documents([NAME])
    assert post({"query": NAME}).status_code == 200
    assert trust_documents(["{ b: __typename }"], replace=True) == 1
    monkeypatch.setattr(persisted, "TRUSTED_SECONDS", -1)
    assert code(post({"query": NAME}))[1] == "document_not_trusted"


@pytest.mark.django_db(transaction=True)
def test_the_list_holds_for_sockets(settings):
    trust_documents([NAME])
    settings.PIPEYARD_GRAPHQL_TRUSTED_ONLY = True

    async def scenario():
        async with GraphQLSocket() as socket:
            await socket.subscribe("a", NAME)
            told = [await socket.receive(), await socket.receive()]
            await socket.subscribe("b", "{ b: __typename }")
            return [*told, await socket.receive()]

    fine, _, refused = run(scenario)
    assert fine["payload"]["data"] == DATA
    assert refused["type"] == "error"
    assert refused["payload"][0]["extensions"]["code"] == "document_not_trusted"


def trust(*files, **options):
    out = io.StringIO()
    call_command("trust_documents", *map(str, files), stdout=out, **options)
    return out.getvalue()


def test_command(tmp_path):
    (tmp_path / "one.graphql").write_text(NAME)
    (tmp_path / "map.json").write_text(json.dumps({digest_of("{ b: __typename }"): "{ b: __typename }"}))
    apollo = {"format": "apollo-persisted-query-manifest", "version": 1}
    operation = {
        "id": digest_of("query C { __typename }"),
        "name": "C",
        "type": "query",
        "body": "query C { __typename }",
    }
    (tmp_path / "apollo.json").write_text(json.dumps({**apollo, "operations": [operation]}))
    files = [tmp_path / name for name in ("one.graphql", "map.json", "apollo.json")]
    assert trust(*files) == "trusted 3 documents; the list has 3\n"
    assert trust(files[0], replace=True) == "trusted 1 documents; the list has 1\n"
    assert list(PersistedDocument.objects.values_list("digest", "trusted")) == [(digest_of(NAME), True)]


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("a.json", "{", "Expecting"),
        ("a.json", "[]", "is no manifest"),
        ("a.json", '{"x": 7}', "is not a string"),
        ("a.json", json.dumps({"0" * 64: NAME}), "is not the SHA-256"),
        ("a.graphql", "{ nothing }", "Cannot query field"),
        ("a.graphql", "{", "Syntax Error"),
    ],
)
def test_command_trusts_nothing_if_something_is_wrong(tmp_path, name, content, part):
    good, file = tmp_path / "good.graphql", tmp_path / name
    good.write_text(NAME)
    file.write_text(content)
    with pytest.raises(CommandError, match=part):
        trust(good, file)
    assert PersistedDocument.objects.count() == 0


def test_command_without_a_file(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        trust(tmp_path / "missing.json")
