"""What an operation has read goes with the last that refers to it, and needs no collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from ci_core.access import signed_in
from ci_core.models import Environment
from graphql_api.context import Context
from graphql_api.execution.executor import BreadthFirst
from graphql_api.execution.straight import carried_out
from graphql_api.http.reading import Operation
from graphql_api.pagination import Listing, PageArguments
from graphql_api.schema import schema
from tests.factories import member, pipeline_with


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def test_a_context_goes() -> None:
    context = Context()
    known = ref(context)
    del context
    assert known() is None


def test_a_page_and_its_listing_go() -> None:
    page = Listing(Environment.objects.all(), PageArguments()).page()
    known = ref(page), ref(page.listing)
    del page
    assert [one() for one in known] == [None, None]


GRAPH = """
query($path: ID!) { project(fullPath: $path) { jobs { nodes { name pipeline { iid } } }
  pipelines { nodes { stages { nodes { name jobs { nodes { name needs { nodes { name } } } } } } } } } }
"""


@pytest.mark.django_db
def test_what_waits_for_the_collector_does_not_grow_with_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "execution_context_class", BreadthFirst)

    def left(jobs: int) -> int:
        config = {f"job{number}": {"script": "x"} for number in range(jobs)}
        project = pipeline_with(
            {**config, "last": {"script": "x", "stage": "deploy", "needs": ["job0"]}}
        ).project
        principal = signed_in(member(project))
        for _ in range(2):
            gc.collect()
            result = carried_out(schema, Operation(GRAPH, {"path": project.full_path}), Context(principal))
            assert result is not None
            assert not result.errors
            assert len(result.data["project"]["jobs"]["nodes"]) == jobs + 1
        return gc.collect()

    assert left(1) == left(30)
