"""Query.metadata."""

from __future__ import annotations

import pytest

from tests.factories import UserFactory
from tests.support.graphql_client import as_anonymous, as_user

pytestmark = pytest.mark.django_db

ASK = """{ metadata { version revision enterprise featureFlags(names: ["a"]) { name enabled }
  kas { enabled version externalUrl externalKubernetesProxyUrl } } }"""


def test_nobody_signed_in():
    assert as_anonymous().data(ASK) == {"metadata": None}


def test_what_this_installation_is(settings):
    settings.PIPEYARD_REVISION = "abc123"
    assert as_user(UserFactory(), ["read_api"]).data(ASK)["metadata"] == {
        "version": settings.PIPEYARD_VERSION,
        "revision": "abc123",
        "enterprise": False,
        "featureFlags": [{"name": "a", "enabled": False}],
        "kas": {"enabled": False, "version": None, "externalUrl": None, "externalKubernetesProxyUrl": None},
    }
