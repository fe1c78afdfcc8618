"""Limits of operations: each refuses by name before anything is done, and every answer reports what was used."""

from __future__ import annotations

import pytest
from graphql import get_introspection_query, parse

from ci_core.models import Pipeline
from graphql_api import documents
from graphql_api.documents import prepare
from graphql_api.limits.complexity import READ, USUAL_SIZES, VALUES_A_POINT, Complexity
from graphql_api.limits.shape import Shape, fragments_of, shape_of
from graphql_api.recent import Recent
from graphql_api.schema import schema
from tests.factories import UserFactory, member, project_with
from tests.graphql.queries.test_pipeline_graph import GRAPH
from tests.support.graphql_client import as_anonymous, as_user
from tests.support.query_counts import statements_of

#: Each limit, a value of it, and a document that goes one beyond.
BEYOND = [
    ("DOCUMENT", "document", 40, "{ currentUser { id } } # " + "x" * 16),
    ("TOKEN", "tokens", 6, "{ currentUser { id username } }"),
    ("DEPTH", "depth", 2, "{ projects { nodes { id } } }"),
    ("ALIAS", "aliases", 1, "{ a: __typename b: __typename }"),
    ("DIRECTIVE", "directives", 1, "{ __typename @include(if: true) currentUser @skip(if: true) { id } }"),
    ("ANONYMOUS_COMPLEXITY", "complexity", READ, "{ currentUser { id } }"),
]


def shape(text):
    document = parse(text)
    return shape_of(document.definitions[0], fragments_of(document))


def score(text, **variables):
    document = parse(text)
    return Complexity(schema._schema, document.definitions[0], fragments_of(document)).score(variables)


@pytest.mark.django_db
@pytest.mark.parametrize(("setting", "limit", "value", "document"), BEYOND)
def test_beyond_a_limit(settings, setting, limit, value, document):
    setattr(settings, f"PIPEYARD_GRAPHQL_{setting}_LIMIT", value + 1)
    assert "errors" not in as_anonymous().execute(document)
    setattr(settings, f"PIPEYARD_GRAPHQL_{setting}_LIMIT", value)
    answers = []
    sent = statements_of(lambda: answers.append(as_anonymous().execute(document)))
    assert sent == []
    (error,) = answers[0]["errors"]
    assert "data" not in answers[0]
    assert f"{value + 1}" in error["message"]
    assert f"the limit is {value}: " in error["message"]
    assert error["extensions"] == {
        "code": "limit_exceeded",
        "limit": limit,
        "value": value,
        "reached": value + 1,
    }


@pytest.mark.django_db
def test_mutation_beyond_a_limit_changes_nothing(settings):
    settings.PIPEYARD_GRAPHQL_DEPTH_LIMIT = 1
    project = project_with("build: {script: x}", full_path="group/shop")
    document = 'mutation { pipelineCreate(input: {projectPath: "group/shop", ref: "main"}) { errors } }'
    assert "2 levels deep" in as_user(member(project)).error(document)
    assert Pipeline.objects.count() == 0


@pytest.mark.django_db
def test_what_was_used_is_reported():
    answer = as_anonymous().execute("{ a: __typename currentUser @skip(if: false) { id } }")
    limits = answer["extensions"]["limits"]
    assert {name: used for name, (used, _) in limits.items() if name not in ("time", "rate")} == {
        "tokens": 16,
        "depth": 2,
        "aliases": 1,
        "directives": 1,
        "complexity": 11,
    }
    assert {name: value for name, (_, value) in limits.items()} == {
        "tokens": 5000,
        "depth": 20,
        "aliases": 100,
        "directives": 200,
        "complexity": 2000,
        "rate": 30_000,
        "time": 30_000,
    }


@pytest.mark.django_db
def test_a_refusal_reports_what_it_reached(settings):
    settings.PIPEYARD_GRAPHQL_DEPTH_LIMIT = 1
    answer = as_anonymous().execute("{ currentUser { id } }")
    assert answer["extensions"]["limits"]["depth"] == [2, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{ a }", Shape(1, 0, 0)),
        ("query @x { a: b @y { c: d @y @z } e }", Shape(2, 2, 4)),
        ("{ a { ... on X @y { b: c } } }", Shape(2, 1, 1)),
        ("{ ...F @y ...F } fragment F on Q { a: b { c @z } }", Shape(2, 2, 3)),
        ("{ ...F } fragment F on Q { a ...F }", Shape(1, 0, 0)),
        ("{ ...Nowhere }", Shape(0, 0, 0)),
    ],
)
def test_shape(text, expected):
    assert shape(text) == expected


def bomb(levels=60):
    """Each fragment spreads the next one twice: 2 to the power of `levels` fields."""
    parts = [f"fragment F{level} on Query {{ ...F{level + 1} ...F{level + 1} }}" for level in range(levels)]
    return "{ ...F0 } " + " ".join(parts) + f" fragment F{levels} on Query {{ a: currentUser {{ id }} }}"


def test_fragments_that_double_are_counted_quickly_and_refused():
    assert shape(bomb()).aliases == 2**60
    assert score(bomb()) >= 2**60 * READ


def test_siblings_are_cheap():
    """A field that reads counts the same below one parent and below a hundred."""
    one = score("{ projects(first: 1) { nodes { pipelines(first: 1) { nodes { id } } } } }")
    many = score("{ projects(first: 100) { nodes { pipelines(first: 1) { nodes { id } } } } }")
    assert (one, many) == (2 * READ + 1, 2 * READ + 5)


def test_page_sizes_multiply():
    def nested(*sizes):
        return score(
            "query($a: Int, $b: Int, $c: Int) { projects(first: $a) { nodes { pipelines(first: $b) { nodes { "
            "jobs(last: $c) { nodes { id name } } } } } } }",
            a=sizes[0],
            b=sizes[1],
            c=sizes[2],
        )

    base = nested(10, 10, 10)
    assert base == 3 * READ + -(-(1 + 10 * (2 + 10 * (2 + 10 * 3))) // VALUES_A_POINT)
    assert nested(100, 10, 10) - 3 * READ == pytest.approx(10 * (base - 3 * READ), rel=0.05)
    assert nested(100, 100, 100) > 30_000
    assert nested(10, 10, 1000) == nested(10, 10, 100), "a page has no more than the page limit"
    assert nested(None, None, None) == nested(100, 100, 100), "without a size it is a full page"


def test_variables_and_their_defaults():
    document = "query($n: Int = 5) { projects(first: $n) { nodes { id name webUrl path } } }"
    assert score(document) == score(document, n=5) < score(document, n=100)
    assert score(document.replace("= 5", "= 100")) == score(document, n=100)


def test_what_is_left_out_costs_nothing():
    document = (
        "query($all: Boolean!) { a: projects @include(if: $all) { nodes { id } } "
        "b: projects @skip(if: $all) { nodes { id } } }"
    )
    both = "{ a: projects { nodes { id } } b: projects { nodes { id } } }"
    assert score(document, all=True) == score(document, all=False) < score(both)


def test_the_score_is_remembered_by_what_it_depends_on():
    document = parse(
        "query($n: Int, $path: ID!) { project(fullPath: $path) { pipelines(first: $n) { nodes { id iid status } } } }"
    )
    complexity = Complexity(schema._schema, document.definitions[0], {})
    sizes = [complexity.score({"n": n, "path": path}) for n in (1, 100, 1) for path in ("a", "b")]
    assert sizes[0] == sizes[1] == sizes[4] == sizes[5] < sizes[2] == sizes[3]
    assert len(complexity._scores) == 2


def test_the_graph_of_a_pipeline_is_no_exception():
    assert score(GRAPH, projectPath="a", iid="1") < 500


def test_usual_sizes_name_lists_of_the_schema():
    for place in USUAL_SIZES:
        type_, field = place.split(".")
        named = str(schema._schema.type_map[type_].fields[field].type)
        assert named.startswith("[") or named.rstrip("!").endswith("Connection"), place


@pytest.mark.django_db
def test_query_complexity():
    document = "{ queryComplexity { score limit } projects { nodes { id name } } }"
    for client, limit in ((as_anonymous(), 2000), (as_user(UserFactory()), 3000)):
        answer = client.execute(document)
        told = answer["data"]["queryComplexity"]
        assert told == {"score": score(document), "limit": limit}
        assert answer["extensions"]["limits"]["complexity"] == [told["score"], told["limit"]]


@pytest.mark.django_db
def test_introspection_is_within_the_limits():
    answer = as_anonymous().execute(get_introspection_query(descriptions=True, input_value_deprecation=True))
    assert "errors" not in answer


@pytest.mark.django_db
def test_introspection_that_nests_lists():
    document = "{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }"
    assert "introspection depth" in as_anonymous().execute(document)["errors"][0]["message"]


@pytest.mark.django_db
def test_introspection_can_be_switched_off(settings):
    settings.PIPEYARD_GRAPHQL_INTROSPECTION = False
    client = as_anonymous()
    for field in ("__schema { queryType { name } }", '__type(name: "Query") { name }'):
        answer = client.execute(f"{{ {field} }}")
        assert "data" not in answer
        assert "introspection has been disabled" in answer["errors"][0]["message"]
    assert client.data("{ __typename }") == {"__typename": "Query"}


@pytest.mark.django_db
def test_suggestions_can_be_switched_off(settings):
    client = as_anonymous()
    document = "{ projectz { id } }"
    coerced = "mutation($input: JobPlayInput!) { jobPlay(input: $input) { errors } }"
    assert "Did you mean" in client.error(document)
    assert "Did you mean" in str(client.execute(coerced, input={"idd": "gid://gitlab/Ci::Build/1"}))
    settings.PIPEYARD_GRAPHQL_SUGGESTIONS = False
    assert "Did you mean" not in client.error(document)
    assert "Did you mean" not in str(client.execute(coerced, input={"idd": "gid://gitlab/Ci::Build/1"}))


def test_a_document_that_comes_again_is_the_same_object():
    assert prepare("{ __typename }").document is prepare("{ __typename }").document


def test_documents_are_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(documents, "_RECENT", Recent(7))
    one = prepare("{ a }").document
    other = prepare("{ b }").document
    assert prepare("{ a }").document is one
    prepare("{ c }")  # nine tokens by now: b, which was not asked for lately, is forgotten
    assert prepare("{ a }").document is one
    assert prepare("{ b }").document is not other
