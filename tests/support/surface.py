"""Reads the list of GitLab's GraphQL surface (graphql-surface.md), and tells where a schema differs from it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
)

PAGE = {"after": "String", "before": "String", "first": "Int", "last": "Int"}
#: A field whose type was read from client documents only: what breaks least is what the schema may choose.
INFERRED = "F"

_ROW = re.compile(r"^\|(.+)\|$")
_ARGUMENT = re.compile(r"(\w+): (\[?[A-Z]\w*!?\]?!?)")


@dataclass
class Member:
    """A field, or a field of an input. type: as in SDL; empty where the list does not say."""

    type: str
    arguments: dict[str, str]
    source: str


@dataclass
class Surface:
    """What the list names."""

    types: dict[str, dict[str, Member]] = field(default_factory=dict)
    implements: dict[str, str] = field(default_factory=dict)
    counted: set[str] = field(default_factory=set)
    mutations: dict[str, Member] = field(default_factory=dict)
    payloads: dict[str, dict[str, str]] = field(default_factory=dict)
    subscriptions: dict[str, Member] = field(default_factory=dict)
    enums: dict[str, set[str]] = field(default_factory=dict)


def read(text: str) -> Surface:
    """The list, from its Markdown."""
    found = Surface()
    section = heading = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section, heading = line[3:].strip(), ""
        elif line.startswith("### "):
            heading = line[4:].split()[0]
            _of_heading(found, heading, line)
        elif row := _ROW.match(line):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row[1])]
            if cells[0] not in ("field", "mutation", "enum") and not cells[0].startswith("---"):
                _of_row(found, section, heading, cells)
    return found


def _of_heading(found: Surface, name: str, line: str) -> None:
    found.types[name] = {}
    if implemented := re.search(r"implements (\w+)", line):
        found.implements[name] = implemented[1]
    if re.search(r"connection has (a limited )?count", line):
        found.counted.add(name)


def _of_row(found: Surface, section: str, heading: str, cells: list[str]) -> None:
    if section == "Object types":
        found.types[heading][cells[0]] = Member(cells[1].strip("`"), _arguments(cells[2]), cells[3])
    elif section == "Enums":
        found.enums[cells[0]] = set(re.sub(r"\(.*", "", cells[1]).split()) - {"presumed"}
    elif section == "Mutations":
        found.mutations[cells[0]] = Member("", _arguments(cells[1]), cells[3])
        found.payloads[cells[0]] = _arguments(cells[2])
    elif section == "Subscription fields" and cells[0].isalnum():
        found.subscriptions[cells[0]] = Member(cells[2].strip("`"), _arguments(cells[1]), cells[3])


def _arguments(cell: str) -> dict[str, str]:
    given = dict(_ARGUMENT.findall(cell.replace("~F", "")))
    return {**PAGE, **given} if "PAGE" in cell else given


def differences(surface: Surface, schema: GraphQLSchema) -> Iterator[str]:
    """Each difference as `Place: what`."""
    types = {name: type_ for name, type_ in schema.type_map.items() if not name.startswith("__")}
    for name, members in surface.types.items():
        found = types.get(name)
        if not isinstance(found, GraphQLObjectType | GraphQLInterfaceType):
            yield f"{name}: missing"
            continue
        yield from _members(name, members, found.fields)
        if (wanted := surface.implements.get(name)) and wanted not in {
            interface.name for interface in found.interfaces
        }:
            yield f"{name}: does not implement {wanted}"
        if name in surface.counted:
            connection = types.get(f"{name}Connection")
            if not isinstance(connection, GraphQLObjectType) or "count" not in connection.fields:
                yield f"{name}Connection.count: missing"
    for name, values in surface.enums.items():
        enum = types.get(name)
        if not isinstance(enum, GraphQLEnumType):
            yield f"{name}: missing"
            continue
        yield from (f"{name}.{value}: missing" for value in sorted(values - enum.values.keys()))
    yield from _of_subscriptions(surface, schema)
    yield from _of_mutations(surface, schema)


def _of_subscriptions(surface: Surface, schema: GraphQLSchema) -> Iterator[str]:
    if schema.subscription_type:
        yield from _members("Subscription", surface.subscriptions, schema.subscription_type.fields)


def _of_mutations(surface: Surface, schema: GraphQLSchema) -> Iterator[str]:
    assert schema.mutation_type
    for name, wanted in surface.mutations.items():
        found = schema.mutation_type.fields.get(name)
        if found is None:
            yield f"Mutation.{name}: missing"
            continue
        input_name = f"{name[0].upper()}{name[1:]}Input"
        input_type = schema.type_map.get(input_name)
        if not isinstance(input_type, GraphQLInputObjectType):
            yield f"{input_name}: missing"
            continue
        for key, type_ in {**wanted.arguments, "clientMutationId": "String"}.items():
            given = input_type.fields.get(key)
            if given is None:
                yield f"{input_name}.{key}: missing"
            elif str(given.type) != type_:
                yield f"{input_name}.{key}: {given.type}, not {type_}"
        payload = getattr(found.type, "of_type", found.type).fields
        expected = {
            **surface.payloads[name],
            "errors": "[String!]!",
            "clientMutationId": "String",
        }
        members = {key: Member(type_, {}, "") for key, type_ in expected.items()}
        yield from _members(f"{input_name.removesuffix('Input')}Payload", members, payload)


def _members(name: str, members: Mapping[str, Member], found: Mapping[str, GraphQLField]) -> Iterator[str]:
    for key, wanted in members.items():
        given = found.get(key)
        if given is None:
            yield f"{name}.{key}: missing"
            continue
        type_ = str(given.type)
        if type_ != wanted.type and not (wanted.source == INFERRED and _plain(type_) == _plain(wanted.type)):
            yield f"{name}.{key}: {type_}, not {wanted.type}"
        for argument, kind in wanted.arguments.items():
            if argument not in given.args:
                yield f"{name}.{key}({argument}): missing"
            elif str(given.args[argument].type) != kind:
                yield f"{name}.{key}({argument}): {given.args[argument].type}, not {kind}"
        for argument, given_argument in given.args.items():
            if argument not in wanted.arguments and str(given_argument.type).endswith("!"):
                yield f"{name}.{key}({argument}): required, and not in the list"


def _plain(type_: str) -> str:
    return type_.replace("!", "")
