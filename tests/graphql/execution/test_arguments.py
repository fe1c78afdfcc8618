"""Arguments are kept with the plan: never for other variables, and never where somebody could change them."""

from __future__ import annotations

from enum import Enum

import pytest
from graphql import Undefined, parse

from graphql_api.execution.arguments import KEPT, Arguments, KeptArguments, variables_of
from tests.factories import pipeline_with
from tests.support.graphql_client import as_anonymous


class Colour(Enum):
    RED = "red"


def test_the_same_arguments_are_given_again():
    kept, arguments = KeptArguments(), Arguments({"first": 3, "colour": Colour.RED, "after": None})
    assert kept.recall((3,)) is None
    kept.keep((3,), arguments)
    assert kept.recall((3,)) is arguments
    assert kept.recall((4,)) is None
    assert kept.recall((Undefined,)) is None


@pytest.mark.parametrize("value", [["a"], {"a": 1}, object()])
def test_what_could_be_changed_is_not_kept(value):
    kept = KeptArguments()
    kept.keep(("a",), Arguments({"given": value}))
    assert kept.recall(("a",)) is None
    assert kept.recall((["a"],)) is None


def test_there_is_an_end_to_what_is_kept():
    kept = KeptArguments()
    for number in range(KEPT * 3):
        kept.keep((number,), Arguments({"first": number}))
    assert sum(kept.recall((number,)) is not None for number in range(KEPT * 3)) <= KEPT


def test_variables_are_found_wherever_they_stand():
    (operation,) = parse('query ($a: Int $b: String) { f(x: $a, y: [{z: $b}], w: "c") }').definitions
    assert variables_of(operation.selection_set.selections[0]) == ("a", "b")


@pytest.mark.django_db
def test_one_document_with_different_variables():
    pipeline = pipeline_with({f"j{n}": {"script": "x"} for n in range(4)}, visibility="public")
    document = """query ($path: ID!, $first: Int, $statuses: [CiJobStatus!]) { project(fullPath: $path) {
        pipelines { nodes { jobs(first: $first, statuses: $statuses) { nodes { name } } } } } }"""

    def names(**variables):
        data = as_anonymous().data(document, path=pipeline.project.full_path, **variables)
        return [job["name"] for job in data["project"]["pipelines"]["nodes"][0]["jobs"]["nodes"]]

    for _ in range(2):
        assert names(first=1) == ["j0"]
        assert names(first=2) == ["j0", "j1"]
        assert names() == ["j0", "j1", "j2", "j3"]
        assert names(first=3, statuses=["PENDING"]) == ["j0", "j1", "j2"]
        assert names(first=3, statuses=["SUCCESS"]) == []
