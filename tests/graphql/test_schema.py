"""The schema as a whole: exported, described, and every root field tested."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLUnionType,
)

from graphql_api.management.commands import export_schema
from graphql_api.schema import schema

HERE = Path(__file__).parent
TYPES = [type_ for name, type_ in schema._schema.type_map.items() if not name.startswith("__")]
BUILT_IN = {"String", "Int", "Float", "Boolean", "ID"}


def test_exported_schema_is_up_to_date():
    call_command("export_schema", "--check")


def test_check_fails_with_a_diff(tmp_path, monkeypatch):
    file = tmp_path / "schema.graphql"
    monkeypatch.setattr(export_schema, "FILE", file)
    call_command("export_schema", stdout=io.StringIO())
    call_command("export_schema", "--check")
    file.write_text(file.read_text().replace("currentUser: UserCore", "currentUser: UserCore!"))
    with pytest.raises(CommandError, match=r"-  currentUser: UserCore!\n\+  currentUser: UserCore"):
        call_command("export_schema", "--check")


def undescribed():
    for type_ in TYPES:
        if type_.name in BUILT_IN:
            continue
        if isinstance(type_, GraphQLObjectType | GraphQLInputObjectType | GraphQLInterfaceType):
            for name, field in type_.fields.items():
                if not field.description:
                    yield f"{type_.name}.{name}"
                for argument, given in getattr(field, "args", {}).items():
                    if not given.description:
                        yield f"{type_.name}.{name}({argument})"
        if isinstance(type_, GraphQLEnumType):
            yield from (
                f"{type_.name}.{name}" for name, value in type_.values.items() if not value.description
            )
        if not type_.description:
            yield type_.name


def test_everything_is_described():
    assert list(undescribed()) == []


def test_descriptions_are_sentences():
    wrong = []
    for type_ in TYPES:
        if isinstance(type_, GraphQLObjectType):
            wrong += [
                f"{type_.name}.{name}: {field.description}"
                for name, field in type_.fields.items()
                if not field.description.endswith(".")
            ]
    assert wrong == []


@pytest.mark.parametrize(
    ("root", "folder"), [("Query", "queries"), ("Mutation", "mutations"), ("Subscription", "subscriptions")]
)
def test_every_root_field_has_a_test_file(root, folder):
    fields = schema._schema.type_map[root].fields
    files = {path.stem for path in (HERE / folder).glob("test_*.py")}
    snake = {"test_" + "".join(f"_{c.lower()}" if c.isupper() else c for c in name) for name in fields}
    assert snake <= files


def test_connections_have_the_shape_of_relay():
    connections = [type_ for type_ in TYPES if type_.name.endswith("Connection")]
    assert connections
    for connection in connections:
        assert {"nodes", "edges", "pageInfo"} <= connection.fields.keys()
        assert str(connection.fields["pageInfo"].type) == "PageInfo!"
        edge = schema._schema.type_map[connection.name.removesuffix("Connection") + "Edge"]
        assert str(connection.fields["edges"].type) == f"[{edge.name}]"
        assert {"cursor", "node"} <= edge.fields.keys()


def test_lists_of_rows_are_connections_with_all_four_arguments():
    for type_ in TYPES:
        if isinstance(type_, GraphQLObjectType):
            for name, field in type_.fields.items():
                if str(field.type).rstrip("!").endswith("Connection"):
                    assert {"after", "before", "first", "last"} <= field.args.keys(), f"{type_.name}.{name}"


def test_names_of_the_kinds():
    kinds = (GraphQLScalarType, GraphQLUnionType)
    assert {type_.name for type_ in TYPES if isinstance(type_, kinds)} - BUILT_IN == {
        "BigInt",
        "CiBuildID",
        "CiInputsValueInputType",
        "CiJobArtifactID",
        "CiPipelineID",
        "CiPipelineScheduleID",
        "CiPipelineScheduleVariableID",
        "CiProcessableID",
        "CiRunnerID",
        "CiRunnerManagerID",
        "CiStageID",
        "CiTriggerID",
        "ClustersAgentID",
        "Date",
        "Duration",
        "DeploymentID",
        "EnvironmentID",
        "GroupID",
        "JSON",
        "JobID",
        "JobNeedUnion",
        "ProjectID",
        "Time",
    }
