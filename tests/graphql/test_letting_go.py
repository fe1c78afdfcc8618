"""What an operation has read goes with the last that refers to it, and needs no collector."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from weakref import ref

import pytest

from ci_core.models import Environment
from graphql_api.context import Context
from graphql_api.pagination import Listing, PageArguments


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
