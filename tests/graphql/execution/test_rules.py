"""The rules of the specification, by hand: where null spreads, what errors say, fragments, aliases, arguments.

Each document is answered by both executors, which must agree, and compared with what is expected.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry

from graphql_api.context import Context, Info
from graphql_api.execution.executor import BreadthFirst
from graphql_api.fields import batched, leaf, rooted, told_by
from tests.support.executors import both_executors


class Anything(SimpleNamespace):
    """An object; what it does not have is null, and exceptions are raised when they are read."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None

    def read(self, name: str) -> Any:
        value = getattr(self, name)
        if isinstance(value, Exception):
            raise value
        return value


class Row(Anything):
    """A thing."""


class Other(Anything):
    """A part."""


def read(name):
    return lambda row: row.read(name)


def each(name):
    def values(parents: list[Any], info: Info) -> list[Any]:
        return [getattr(parent, name) for parent in parents]

    return values


def fail(parents: list[Any], info: Info) -> list[Any]:
    raise ValueError("All of them.")


def say(parents: list[Any], info: Info, text: str | None = "nothing", size: int | None = 3) -> list[str]:
    return [f"{text}-{size}" for _ in parents]


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"


@strawberry.interface(name="Named")
class Named:
    name = leaf(str | None, "Name.")


@strawberry.type(name="Part")
class Part(Named):
    is_type_of = told_by(Other)
    name = leaf(str | None, "Name.", read("name"))
    must = leaf(str, "Not null.", read("must"))


@strawberry.type(name="Thing")
class Thing(Named):
    is_type_of = told_by(Row)
    name = leaf(str | None, "Name.", read("name"))
    must = leaf(str, "Not null.", read("must"))
    number = leaf(int | None, "Number.", read("number"))
    numbers = leaf(list[int | None] | None, "Numbers and nulls.", read("numbers"))
    strict_numbers = leaf(list[int] | None, "Numbers.", read("numbers"))
    colour = leaf(Colour | None, "Colour.", read("colour"))
    part = leaf(Part | None, "Read from the thing.", read("part"))
    strict_parts = leaf(list[Part], "Read from the thing.", read("parts"))
    child = batched("Thing | None", each("child"), "One.")
    must_child = batched("Thing", each("child"), "One that must be there.")
    children = batched("list[Thing | None] | None", each("children"), "Some.")
    strict_children = batched("list[Thing] | None", each("children"), "Some without gaps.")
    all_children = batched("list[Thing]", each("children"), "Some without gaps that must be there.")
    named = batched("list[Named | None] | None", each("children"), "Of several types.")
    broken = batched("Thing | None", fail, "Fails.")
    must_broken = batched("Thing", fail, "Fails, and must not be null.")
    echo = batched(str | None, say, "What it was asked.")


THINGS: dict[str, Row] = {}


def find(info: Info, name: str) -> Row | None:
    return THINGS.get(name)


@strawberry.type
class Query:
    thing = rooted(Thing | None, find, "A thing.")
    must_thing = rooted(Thing, find, "A thing that must be there.")


SCHEMA = strawberry.Schema(query=Query, types=[Part, Thing], execution_context_class=BreadthFirst)


async def inline(function):
    return function()


def answer(row, selection, **variables):
    """Data and errors, as both executors give them."""
    THINGS["it"] = row
    document = selection
    if not selection.startswith("query"):
        document = f'{{ thing(name: "it") {{ {selection} }} }}'
    with both_executors(SCHEMA) as executor:
        given = asyncio.run(
            SCHEMA.execute(document, variable_values=variables, context_value=Context(run_in_thread=inline))
        )
        assert executor.compared == 1, given.errors
    errors = sorted((list(map(str, error.path)), error.message) for error in given.errors or ())
    return (given.data or {}).get("thing"), [(".".join(path), message) for path, message in errors]


NO_NULL = "Cannot return null for non-nullable field Thing.must."


@pytest.mark.parametrize(
    ("row", "selection", "data", "errors"),
    [
        (Row(name="a"), "name must", None, [("thing.must", NO_NULL)]),
        (
            Row(child=Row(name="b")),
            "name child { name must }",
            {"name": None, "child": None},
            [("thing.child.must", NO_NULL)],
        ),
        (
            Row(child=Row(child=Row())),
            "child { mustChild { must } }",
            {"child": None},
            [("thing.child.mustChild.must", NO_NULL)],
        ),
        (
            Row(children=[Row(must="a"), None, Row(), Row(must="d")]),
            "children { must }",
            {"children": [{"must": "a"}, None, None, {"must": "d"}]},
            [("thing.children.2.must", NO_NULL)],
        ),
        (
            Row(children=[Row(must="a"), Row()]),
            "name strictChildren { must }",
            {"name": None, "strictChildren": None},
            [("thing.strictChildren.1.must", NO_NULL)],
        ),
        (
            Row(children=[Row(children=[Row(must="a")]), Row(children=[Row(), Row()])]),
            "children { allChildren { must } }",
            {"children": [{"allChildren": [{"must": "a"}]}, None]},
            [("thing.children.1.allChildren.0.must", NO_NULL)],
        ),
        (
            Row(children=[Row(name="a"), ValueError("No child.")]),
            "children { name }",
            {"children": [{"name": "a"}, None]},
            [("thing.children.1", "No child.")],
        ),
        (
            Row(child=ValueError("No child."), name=ValueError("No name.")),
            "name child { name }",
            {"name": None, "child": None},
            [("thing.child", "No child."), ("thing.name", "No name.")],
        ),
        (
            Row(part=Other(name="p"), parts=[Other(must="m"), Other(must=ValueError("No."))]),
            "part { name } strictParts { must }",
            None,
            [("thing.strictParts.1.must", "No.")],
        ),
        (
            Row(children=7),
            "children { name }",
            {"children": None},
            [("thing.children", "Expected Iterable, but did not find one for field 'Thing.children'.")],
        ),
        (
            Row(children=[]),
            "children { name } strictChildren { must } numbers",
            {"children": [], "strictChildren": [], "numbers": None},
            [],
        ),
    ],
)
def test_where_null_spreads(row, selection, data, errors):
    assert answer(row, selection) == (data, errors)


def test_null_spreads_to_the_whole_response():
    data, errors = answer(Row(), 'query { thing: mustThing(name: "it") { must } }')
    assert (data, errors) == (None, [("thing.must", NO_NULL)])
    data, errors = answer(Row(), 'query { thing: mustThing(name: "other") { name } }')
    assert (data, errors) == (
        None,
        [("thing", "Cannot return null for non-nullable field Query.mustThing.")],
    )


def test_a_function_that_fails_fails_for_all():
    row = Row(children=[Row(), Row()])
    data, errors = answer(row, "children { name broken { name } }")
    assert data == {"children": [{"name": None, "broken": None}] * 2}
    assert errors == [
        ("thing.children.0.broken", "All of them."),
        ("thing.children.1.broken", "All of them."),
    ]
    data, errors = answer(row, "children { name mustBroken { name } }")
    assert data == {"children": [None, None]}
    assert len(errors) == 2


@pytest.mark.parametrize(
    ("values", "selection", "data", "errors"),
    [
        ({"number": True}, "number", {"number": 1}, 0),
        ({"number": 2**31}, "number", {"number": None}, 1),
        ({"number": "seven"}, "number", {"number": None}, 1),
        ({"number": 7.0}, "number", {"number": 7}, 0),
        ({"numbers": (1, None, "x")}, "numbers", {"numbers": [1, None, None]}, 1),
        ({"numbers": [1, None]}, "strictNumbers", {"strictNumbers": None}, 1),
        ({"numbers": 1}, "numbers", {"numbers": None}, 1),
        ({"colour": "green"}, "colour", {"colour": "GREEN"}, 0),
        ({"colour": Colour.RED}, "colour", {"colour": "RED"}, 0),
        ({"colour": "blue"}, "colour", {"colour": None}, 1),
        ({"colour": []}, "colour", {"colour": None}, 1),
        ({"name": 5}, "name", {"name": "5"}, 0),
        ({"name": []}, "name", {"name": None}, 1),
    ],
)
def test_scalars_and_enums(values, selection, data, errors):
    found, told = answer(Row(**values), selection)
    assert (found, len(told)) == (data, errors)


def test_interfaces_and_fragments():
    row = Row(children=[Row(name="t", number=1), None, Other(name="p", must="m"), "neither"])
    data, errors = answer(
        row,
        'query { thing(name: "it") { named { __typename name ...OfThing ... on Part { must } } } } '
        "fragment OfThing on Thing { number }",
    )
    assert data == {
        "named": [
            {"__typename": "Thing", "name": "t", "number": 1},
            None,
            {"__typename": "Part", "name": "p", "must": "m"},
            None,
        ]
    }
    assert [path for path, _ in errors] == ["thing.named.3"]


def test_an_object_of_the_wrong_type():
    data, errors = answer(Row(part=Row(name="no part")), "part { name }")
    assert data == {"part": None}
    assert [path for path, _ in errors] == ["thing.part"]


def test_aliases_arguments_and_merged_fields():
    data, errors = answer(
        Row(child=Row(name="c", number=1)),
        'query($text: String, $size: Int) { thing(name: "it") { a: echo b: echo(text: "b") c: echo(text: null) '
        "d: echo(text: $text, size: $size) child { name } child { number ... { name } } } }",
        size=9,
    )
    assert data == {
        "a": "nothing-3",
        "b": "b-3",
        "c": "None-3",
        "d": "nothing-9",
        "child": {"name": "c", "number": 1},
    }
    assert errors == []


def test_text_that_the_database_cannot_hold():
    data, errors = answer(Row(), 'echo(text: "\\u0000")')
    assert data == {"echo": None}
    assert errors == [("thing.echo", "Text must not contain the character NUL.")]


@pytest.mark.parametrize("shown", [True, False])
def test_what_is_skipped_and_included(shown):
    document = (
        'query($shown: Boolean!) { thing(name: "it") { name @include(if: $shown) number @skip(if: $shown) '
        "...Rest @include(if: $shown) } } fragment Rest on Thing { echo }"
    )
    data, _ = answer(Row(name="n", number=1), document, shown=shown)
    assert data == ({"name": "n", "echo": "nothing-3"} if shown else {"number": 1})


def test_nothing_is_left_of_a_selection():
    assert answer(Row(child=Row()), "child { name @skip(if: true) }") == ({"child": {}}, [])
