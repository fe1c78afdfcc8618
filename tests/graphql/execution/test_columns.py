"""Only the columns that a document asks for are read, and no row is ever read again for one that was left out."""

from __future__ import annotations

import pytest
from graphql import GraphQLNonNull, get_named_type, is_leaf_type

from ci_core.actions.pipelines import create_pipeline
from ci_core.statuses import PipelineSource
from graphql_api.loaders.deployments import DEPLOYMENTS, ENVIRONMENTS
from graphql_api.loaders.jobs import JOBS, NEEDS, STAGES
from graphql_api.loaders.pipelines import PIPELINES
from graphql_api.schema import schema
from tests.factories import member, pipeline_with
from tests.support.graphql_client import as_user
from tests.support.jobs import artifact, succeed
from tests.support.query_counts import statements_of

pytestmark = pytest.mark.django_db

GRAPH = """
query($path: ID!) { project(fullPath: $path) { pipeline(iid: 1) { stages { nodes { jobs { nodes { %s } } } } } } }
"""
FIELDS = schema._schema.type_map["CiJob"].fields
PIPELINE_FIELDS = schema._schema.type_map["Pipeline"].fields


def jobs(count):
    """A pipeline of so many jobs of each kind of status that there is without a runner."""
    config = {"stages": ["build", "test"]}
    for number in range(count):
        config[f"build{number}"] = {
            "stage": "build",
            "script": "x",
            "tags": ["linux"],
            "environment": {"name": "x"},
        }
        config[f"manual{number}"] = {"stage": "build", "script": "x", "when": "manual"}
        config[f"call{number}"] = {"stage": "build", "trigger": {"project": "other/shop"}, "when": "manual"}
        config[f"test{number}"] = {"stage": "test", "script": "x", "needs": [f"build{number}"]}
    return pipeline_with(config)


def selection(name, fields=FIELDS):
    type_ = get_named_type(fields[name].type)
    return name if is_leaf_type(type_) else f"{name} {{ __typename }}"


def statements(pipeline, fields, document=GRAPH):
    client = as_user(member(pipeline.project))
    sent = statements_of(lambda: client.data(document % fields, path=pipeline.project.full_path))
    return [statement for statement in sent if "ci_core_" in statement]


def test_no_field_reads_jobs_one_by_one():
    few, many = jobs(1), jobs(3)
    different = {
        name: (len(statements(few, selection(name))), len(statements(many, selection(name))))
        for name in FIELDS
    }
    assert {name: counts for name, counts in different.items() if counts[0] != counts[1]} == {}


def test_no_field_of_jobs_reads_their_pipelines_one_by_one():
    document = "query($path: ID!) { project(fullPath: $path) { jobs { nodes { %s } } } }"
    few, many = jobs(1), jobs(1)
    for _ in range(2):
        create_pipeline(many.project, "main", PipelineSource.PUSH, acting_user=None)
    different = {
        name: (
            len(statements(few, selection(name), document)),
            len(statements(many, selection(name), document)),
        )
        for name in FIELDS
    }
    assert {name: counts for name, counts in different.items() if counts[0] != counts[1]} == {}


def test_only_what_is_asked_for_is_read():
    pipeline = jobs(1)
    (read,) = [sql for sql in statements(pipeline, "name duration") if "FROM ci_core_job" in sql]
    assert '"started_at"' in read
    assert not any(f'"{column}"' in read for column in ("created_at", "tags", "given_variables", "exit_code"))


def test_a_field_that_nothing_is_known_of_reads_all():
    (read,) = [sql for sql in statements(jobs(1), "stuck") if "FROM ci_core_job" in sql]
    assert "SELECT *" in read


def test_no_field_reads_artifacts_one_by_one():
    few, many = jobs(1), jobs(3)
    for pipeline in (few, many):
        for job in pipeline.jobs.filter(name__startswith="build"):
            artifact(job)
    different = {}
    for name in schema._schema.type_map["CiJobArtifact"].fields:
        counts = [
            len(statements(pipeline, f"artifacts {{ nodes {{ {name} }} }}")) for pipeline in (few, many)
        ]
        if counts[0] != counts[1]:
            different[name] = counts
    assert different == {}


def test_needs_of_many_jobs_are_those_of_few(monkeypatch):
    pipeline = jobs(3)
    client = as_user(member(pipeline.project))

    def needs():
        found = client.data(GRAPH % "name needs { nodes { id name } }", path=pipeline.project.full_path)
        stages = found["project"]["pipeline"]["stages"]["nodes"]
        return {job["name"]: job["needs"]["nodes"] for stage in stages for job in stage["jobs"]["nodes"]}

    one_by_one = needs()
    monkeypatch.setattr("graphql_api.loaders.jobs.MANY_JOBS", 1)
    assert needs() == one_by_one
    assert [need["name"] for need in one_by_one["test2"]] == ["build2"]


def test_no_field_reads_pipelines_one_by_one():
    document = "query($path: ID!) { project(fullPath: $path) { pipelines { nodes { %s } } } }"
    few, many = jobs(1), jobs(1)
    for _ in range(2):
        create_pipeline(many.project, "main", PipelineSource.PUSH, acting_user=None)
    different = {}
    for name in PIPELINE_FIELDS:
        if any(isinstance(argument.type, GraphQLNonNull) for argument in PIPELINE_FIELDS[name].args.values()):
            continue
        if name == "job":  # needs an id or a name
            continue
        counts = [
            len(statements(pipeline, selection(name, PIPELINE_FIELDS), document)) for pipeline in (few, many)
        ]
        if counts[0] != counts[1]:
            different[name] = counts
    assert different == {}


def test_messages_of_the_compiler_are_read_for_those_who_ask_for_them():
    document = "query($path: ID!) { project(fullPath: $path) { pipelines { nodes { %s } } } }"
    pipeline = jobs(1)
    (read,) = [sql for sql in statements(pipeline, "iid", document) if 'FROM "ci_core_pipeline"' in sql]
    assert "config_errors" not in read
    (read,) = [
        sql for sql in statements(pipeline, "yamlErrors", document) if 'FROM "ci_core_pipeline"' in sql
    ]
    assert "config_errors" in read


LISTED = "query($path: ID!) { project(fullPath: $path) { environments { nodes { %s } } } }"
ENVIRONMENT_FIELDS = schema._schema.type_map["Environment"].fields
DEPLOYMENT_FIELDS = schema._schema.type_map["Deployment"].fields


def deployed(count):
    """A pipeline that has deployed to so many environments."""
    pipeline = pipeline_with(
        {
            f"deploy{number}": {"script": "x", "environment": {"name": f"review/{number}"}}
            for number in range(count)
        }
    )
    for number in range(count):
        succeed(f"deploy{number}")
    return pipeline


def test_no_field_reads_environments_or_deployments_one_by_one():
    asked = [selection(name, ENVIRONMENT_FIELDS) for name in ENVIRONMENT_FIELDS if name != "lastDeployment"]
    for name in DEPLOYMENT_FIELDS:
        field = selection(name, DEPLOYMENT_FIELDS)
        asked += [f"lastDeployment(status: SUCCESS) {{ {field} }}", f"deployments {{ nodes {{ {field} }} }}"]
    few, many = deployed(1), deployed(3)
    different = {}
    for fields in asked:
        counts = [len(statements(pipeline, fields, LISTED)) for pipeline in (few, many)]
        if counts[0] != counts[1]:
            different[fields] = counts
    assert different == {}


def test_only_what_is_asked_for_is_read_of_environments():
    sent = statements(deployed(1), "slug lastDeployment(status: SUCCESS) { ref }", LISTED)
    (environments,) = [sql for sql in sent if 'FROM "ci_core_environment"' in sql]
    (deployments,) = [sql for sql in sent if "FROM ci_core_deployment" in sql]
    assert '"slug"' in environments and "flux_resource_path" not in environments
    assert '"ref"' in deployments and "finished_at" not in deployments


@pytest.mark.parametrize("columns", [JOBS, STAGES, NEEDS, PIPELINES, ENVIRONMENTS, DEPLOYMENTS])
def test_names_of_fields_and_columns_exist(columns):
    known = {column.attname for column in columns.model._meta.concrete_fields}
    fields = {
        field.extensions["strawberry-definition"].python_name
        for field in schema._schema.type_map[columns.type_name].fields.values()
    }
    assert known.issuperset(columns.always)
    assert known.issuperset(column for read in columns.fields.values() for column in read)
    assert fields >= columns.fields.keys()
