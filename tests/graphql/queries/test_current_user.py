"""Query.currentUser."""

from __future__ import annotations

import pytest

from tests.factories import UserFactory
from tests.support.graphql_client import as_anonymous, as_session, as_user

pytestmark = pytest.mark.django_db

ASK = "{ currentUser { id username name email webPath webUrl avatarUrl } }"


def test_nobody_signed_in():
    assert as_anonymous().data(ASK) == {"currentUser": None}


@pytest.mark.parametrize("sign_in", [as_user, as_session, lambda user: as_user(user, ["read_api"])])
def test_caller_by_every_key(sign_in):
    user = UserFactory(username="ada", name="", email="ada@example.com")
    assert sign_in(user).data(ASK)["currentUser"] == {
        "id": f"gid://gitlab/User/{user.pk}",
        "username": "ada",
        "name": "ada",
        "email": "ada@example.com",
        "webPath": "/ada",
        "webUrl": "http://127.0.0.1:8000/ada",
        "avatarUrl": None,
    }
