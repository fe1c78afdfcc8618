"""Passwords that are guessed at once: many tries in parallel find no more room than one after the other."""

from __future__ import annotations

import base64
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from ci_core.actions import signing_in
from ci_core.actions.signing_in import sign_in
from ci_core.errors import TooManyTries
from ci_core.models import PasswordTries, User
from tests.factories import UserFactory
from tests.support.live_server import serving
from tests.support.race import LIMIT, at_once

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]

#: Tries that a name, and an address, has; and how many come at once.
TRIES = 4
PER_ADDRESS = 6
AT_ONCE = 12
ADDRESS = "192.0.2.1"


@pytest.fixture(autouse=True)
def _limits(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.PIPEYARD_PASSWORD_TRIES = TRIES
    settings.PIPEYARD_PASSWORD_TRIES_PER_ADDRESS = PER_ADDRESS


@pytest.fixture
def ada() -> User:
    user = UserFactory(username="ada")
    user.set_password("right")
    user.save()
    return user


class Looking:
    """Stands where passwords are looked at: counts them, and lets a function hold a look up."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, hold: Callable[[str], object] = lambda _: None
    ) -> None:
        self.looked_at: Counter[str] = Counter()
        plain, lock = signing_in.authenticate, threading.Lock()

        def authenticate(request: Any, *, username: str, password: str) -> Any:
            with lock:
                self.looked_at[password] += 1
            hold(password)
            return plain(request, username=username, password=password)

        monkeypatch.setattr(signing_in, "authenticate", authenticate)


def trying(password: str, *, name: str = "ada", address: str | None = None) -> Callable[[], User | None]:
    return lambda: sign_in(name, password, address=address)


def kinds(results: list[Any]) -> Counter[str]:
    """What became of tries: in, wrong or refused; anything else by its own words."""

    def kind(result: Any) -> str:
        if isinstance(result, User):
            return "in"
        return "wrong" if result is None else "refused" if isinstance(result, TooManyTries) else repr(result)

    return Counter(map(kind, results))


def test_guesses_of_one_name_at_once(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    # Those that are let through are all under way before the first of them is over.
    together = threading.Barrier(TRIES)
    looking = Looking(monkeypatch, lambda _: together.wait(LIMIT))
    assert kinds(at_once([trying("wrong")] * AT_ONCE)) == {"wrong": TRIES, "refused": AT_ONCE - TRIES}
    assert looking.looked_at == {"wrong": TRIES}
    with pytest.raises(TooManyTries):
        sign_in("ada", "right", address=None)
    assert looking.looked_at["right"] == 0


def test_guesses_from_one_address_at_once(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    together = threading.Barrier(PER_ADDRESS)
    looking = Looking(monkeypatch, lambda _: together.wait(LIMIT))
    names = [trying("wrong", name=f"user{number}", address=ADDRESS) for number in range(AT_ONCE)]
    assert kinds(at_once(names)) == {"wrong": PER_ADDRESS, "refused": AT_ONCE - PER_ADDRESS}
    assert looking.looked_at == {"wrong": PER_ADDRESS}
    with pytest.raises(TooManyTries):
        sign_in("ada", "right", address=ADDRESS)


def test_guesses_of_many_names_from_one_address_do_not_lock_each_other_out(ada: User) -> None:
    """Each try takes two rows, its name's and its address's: in one order, so that no two wait for each other."""
    tries = [
        trying("wrong", name=f"user{number % 3}", address=f"192.0.2.{number % 2}")
        for number in range(AT_ONCE)
    ]
    for _ in range(5):
        assert set(kinds(at_once(tries))) <= {"wrong", "refused"}


def test_the_right_password_among_guesses(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens or is refused by when it comes; it gives the name new tries, and so no more than twice as many."""
    looking = Looking(monkeypatch)
    for _ in range(10):
        PasswordTries.objects.all().delete()
        looking.looked_at.clear()
        found = kinds(at_once([trying("wrong"), trying("right"), *[trying("wrong")] * (AT_ONCE - 2)]))
        assert set(found) <= {"in", "wrong", "refused"}, found
        assert found["wrong"] == looking.looked_at["wrong"]
        assert found["in"] == looking.looked_at["right"] <= 1
        assert found["wrong"] + found["in"] <= TRIES * (1 + found["in"])


def test_the_right_password_that_was_in_time_opens_whatever_is_guessed_meanwhile(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, guessed = threading.Event(), threading.Event()

    def hold(password: str) -> None:
        if password == "right":
            begun.set()
            assert guessed.wait(LIMIT)

    def guess() -> list[Any]:
        assert begun.wait(LIMIT)
        try:
            return at_once([trying("wrong", address=ADDRESS)] * (AT_ONCE - 2))
        finally:
            guessed.set()

    Looking(monkeypatch, hold)
    user, guesses = at_once([trying("right", address=ADDRESS), guess])
    assert user == ada
    # The right one took a try of the name while it was looked at ...
    assert kinds(guesses)["wrong"] == TRIES - 1
    # ... and gives the name new ones; of the address's it took none, and those of the guesses stay counted.
    assert kinds([sign_in("ada", "right", address=None)]) == {"in": 1}
    by_address = PasswordTries.objects.get(key=signing_in._key("address", ADDRESS))
    assert by_address.tries == AT_ONCE - 2


def test_right_passwords_at_once_are_not_counted(ada: User) -> None:
    """As CI scripts that clone do; each takes a try while it is looked at."""
    for _ in range(5):
        found = kinds(at_once([trying("right", address=ADDRESS)] * TRIES))
        assert found == {"in": TRIES}
    assert set(PasswordTries.objects.values_list("tries", flat=True)) <= {0}


def test_guesses_over_http_at_once(
    ada: User, settings: Any, monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    looking = Looking(monkeypatch)
    key = base64.b64encode(b"ada:wrong").decode()

    with serving(settings) as url, httpx.Client(timeout=LIMIT) as client:

        def ask() -> int:
            return client.get(
                f"{url}/some/project.git/info/refs",
                params={"service": "git-upload-pack"},
                headers={"Authorization": f"Basic {key}"},
            ).status_code

        statuses = Counter(at_once([ask] * AT_ONCE))
    assert statuses == {401: TRIES, 429: AT_ONCE - TRIES}
    assert looking.looked_at == {"wrong": TRIES}
