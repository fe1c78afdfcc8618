"""The newest jobs of a project are the same whether they are read in two steps or with one statement."""

from __future__ import annotations

import random

import pytest

from ci_core import clock, partitions
from ci_core.models import Job, Pipeline
from ci_core.models.ids import in_pipeline
from ci_core.partitions import PIPELINES_PER_PARTITION
from graphql_api.loaders import newest_jobs
from graphql_api.pagination import encode_cursor
from tests.factories import ProjectFactory
from tests.support.graphql_client import as_anonymous

pytestmark = pytest.mark.django_db

DOCUMENT = """query($path: ID!, $after: String, $first: Int) {
  project(fullPath: $path) { jobs(after: $after, first: $first) {
    nodes { id name refName pipeline { id iid status } }
    pageInfo { startCursor endCursor hasNextPage hasPreviousPage } } } }"""


def pipelines_with(project, sizes, first_id=1):
    """Pipelines of one of these numbers of jobs each; none for a number below zero, in whose place another comes."""
    now, made = clock.now(), []
    for place, size in enumerate(sizes):
        if size < 0:
            continue
        pipeline = Pipeline.objects.create(
            id=first_id + place, project=project, iid=first_id + place, ref=f"b{place}", sha="a" * 40,
            source="push", last_job_number=size, created_at=now, updated_at=now,
        )  # fmt: skip
        made.append(pipeline)
        Job.objects.bulk_create(
            Job(
                id=in_pipeline(pipeline.pk, number), pipeline=pipeline, project=project, stage_id=pipeline.pk << 16 | 1,
                definition_id=1, name=f"job {number}", number=number, status="success", when="on_success",
                scheduling_type="stage", created_at=now, updated_at=now,
            )
            for number in range(1, size + 1)
        )  # fmt: skip
    return made


@pytest.fixture
def ways(monkeypatch):
    """How often jobs were read in two steps, and how often these could not tell."""
    taken = []
    read = newest_jobs.newest

    def noted(*given):
        found = read(*given)
        taken.append(found is not None)
        return found

    monkeypatch.setattr(newest_jobs, "newest", noted)
    return taken


def page(project, **arguments):
    return as_anonymous().data(DOCUMENT, path=project.full_path, **arguments)["project"]["jobs"]


def page_by_one_statement(project, monkeypatch, **arguments):
    with monkeypatch.context() as changed:
        changed.setattr(newest_jobs, "newest", lambda *given: None)
        return page(project, **arguments)


@pytest.mark.parametrize("seed", range(4))
def test_random_pages_are_the_same_in_both_ways(seed, ways, monkeypatch):
    chance = random.Random(seed)
    # Two projects take turns with the pipelines, on both sides of a border of partitions.
    first_id = PIPELINES_PER_PARTITION - chance.randrange(20)
    partitions.ensure(PIPELINES_PER_PARTITION)
    owners = [chance.random() < 0.6 for _ in range(20)]
    sizes = [chance.choice((0, 0, 1, 2, 3, 12)) for _ in owners]
    project, other = ProjectFactory(visibility="public"), ProjectFactory()
    made = pipelines_with(
        project, [size if own else -1 for own, size in zip(owners, sizes, strict=True)], first_id
    )
    pipelines_with(other, [-1 if own else size for own, size in zip(owners, sizes, strict=True)], first_id)
    # What has been counted and is there no more, as while a pipeline is deleted.
    for pipeline in chance.sample(made, min(chance.randrange(3), len(made))):
        Job.objects.filter(pipeline=pipeline).delete()
    odd = ((first_id + 5, 7), (first_id + 30, 1 << 60), (1 << 70, 1), (-1, -1))
    places = [*Job.objects.values_list("pipeline_id", "id"), *odd]
    for _ in range(6):
        after = encode_cursor(chance.choice(places)) if chance.random() < 0.6 else None
        arguments = {"after": after, "first": chance.choice((None, 0, 1, 2, 5, 20, 100))}
        assert page(project, **arguments) == page_by_one_statement(project, monkeypatch, **arguments)
    assert True in ways


def test_pages_follow_one_another_to_the_end(ways):
    project = ProjectFactory(visibility="public")
    pipelines_with(project, [3, 0, 1, 5, 2])
    seen, after = [], None
    while True:
        found = page(project, first=2, after=after)
        seen += [node["id"] for node in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    ids = Job.objects.order_by("-pipeline_id", "-id").values_list("id", flat=True)
    assert seen == [f"gid://gitlab/Ci::Build/{id_}" for id_ in ids]
    assert set(ways) == {True}


def test_pipelines_that_were_deleted_meanwhile_hide_no_older_jobs(ways):
    project = ProjectFactory(visibility="public")
    _, _, newest = pipelines_with(project, [2, 2, 3])
    Job.objects.filter(pipeline=newest).delete()
    assert [node["pipeline"]["iid"] for node in page(project, first=2)["nodes"]] == ["2", "2"]
    assert False in ways


def test_lists_that_something_narrows_are_read_with_one_statement(ways):
    project = ProjectFactory(visibility="public")
    pipelines_with(project, [2, 2])
    for arguments, number in (
        ("last: 2", 2),
        ('name: "job 1"', 2),
        ("kind: BUILD", 4),
        ("statuses: SUCCESS", 4),
    ):
        document = (
            f'{{ project(fullPath: "{project.full_path}") {{ jobs({arguments}) {{ nodes {{ id }} }} }} }}'
        )
        assert len(as_anonymous().data(document)["project"]["jobs"]["nodes"]) == number
    assert not ways


def test_many_projects_are_read_with_one_statement(ways):
    for place in range(3):
        pipelines_with(ProjectFactory(visibility="public"), [1, 2], 1 + 10 * place)
    found = as_anonymous().data("{ projects { nodes { jobs(first: 2) { nodes { name } } } } }")
    assert [len(node["jobs"]["nodes"]) for node in found["projects"]["nodes"]] == [2, 2, 2]
    assert not ways
