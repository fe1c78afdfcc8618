"""Batches: one call for all that ask in the same turn, one hop to a thread for all fields."""

from __future__ import annotations

import asyncio

import pytest

from ci_core.errors import InvalidInput
from graphql_api.batching import Batches


class Recorder:
    """Counts hops and calls."""

    def __init__(self):
        self.hops = 0
        self.calls = []
        self.batches = Batches(self.hop)

    async def hop(self, function):
        self.hops += 1
        await asyncio.sleep(0)
        return function()

    def double(self, parents, info, **arguments):
        self.calls.append((list(parents), arguments))
        return [parent * 2 for parent in parents]

    def load(self, parent, function=None, **arguments):
        return self.batches.load(function or self.double, None, parent, arguments)


def run(scenario):
    return asyncio.run(scenario())


def test_one_call_for_all_parents():
    recorder = Recorder()

    async def scenario():
        return await asyncio.gather(*(recorder.load(parent) for parent in (1000, 2000, 3000)))

    assert run(scenario) == [2000, 4000, 6000]
    assert recorder.calls == [([1000, 2000, 3000], {})]


def test_each_set_of_arguments_is_a_call_and_all_are_one_hop():
    recorder = Recorder()

    async def scenario():
        return await asyncio.gather(
            recorder.load(1, size=1),
            recorder.load(2, size=2),
            recorder.load(3, size=1, names=["a"]),
            recorder.load(4, size=1),
        )

    run(scenario)
    assert recorder.calls == [([1, 4], {"size": 1}), ([2], {"size": 2}), ([3], {"size": 1, "names": ["a"]})]
    assert recorder.hops == 1


def test_the_same_object_is_asked_for_once():
    recorder, parent = Recorder(), [1]

    async def scenario():
        return await asyncio.gather(recorder.load(parent), recorder.load(parent))

    assert run(scenario) == [[1, 1], [1, 1]]
    assert recorder.calls == [([[1]], {})]


def test_those_who_were_woken_together_ask_together():
    recorder = Recorder()

    async def both(parent):
        first = await recorder.load(parent)
        return await recorder.load(first)

    async def scenario():
        return await asyncio.gather(*(both(parent) for parent in (1000, 2000)))

    assert run(scenario) == [4000, 8000]
    assert [parents for parents, _ in recorder.calls] == [[1000, 2000], [2000, 4000]]
    assert recorder.hops == 2


def test_an_error_is_for_those_of_its_call():
    recorder = Recorder()

    def broken(parents, info):
        raise InvalidInput("No.")

    def partly(parents, info):
        return [InvalidInput("Not this.") if parent == 2 else parent for parent in parents]

    async def scenario():
        return await asyncio.gather(
            recorder.load(1),
            recorder.load(1, broken),
            recorder.load(1, partly),
            recorder.load(2, partly),
            return_exceptions=True,
        )

    fine, first, second, third = run(scenario)
    assert (fine, second) == (2, 1)
    assert (first.message, third.message) == ("No.", "Not this.")


def test_a_function_that_forgets_somebody_is_a_bug():
    recorder = Recorder()

    async def scenario():
        await asyncio.gather(recorder.load(1, lambda parents, info: []))

    with pytest.raises(RuntimeError, match="0 values for 1 parents"):
        run(scenario)


def test_a_thread_that_cannot_be_had_fails_all():
    async def no_thread(function):
        raise TimeoutError

    batches = Batches(no_thread)

    async def scenario():
        await batches.load(lambda parents, info: parents, None, 1, {})

    with pytest.raises(TimeoutError):
        run(scenario)


def test_who_goes_away_does_not_disturb_the_others():
    recorder = Recorder()

    async def scenario():
        gone, stays = recorder.load(1), recorder.load(2)
        gone.cancel()
        return await stays

    assert run(scenario) == 4
