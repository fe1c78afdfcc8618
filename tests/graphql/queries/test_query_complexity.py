"""Query.queryComplexity; tests/graphql/test_limits.py tells what counts."""

from __future__ import annotations

import pytest

from tests.support.graphql_client import as_anonymous
from tests.support.query_counts import statements_of

pytestmark = pytest.mark.django_db


def test_the_score_takes_no_statement():
    answers = []
    sent = statements_of(lambda: answers.append(as_anonymous().data("{ queryComplexity { score limit } }")))
    assert sent == []
    assert answers == [{"queryComplexity": {"score": 11, "limit": 2000}}]
