"""What was used last is kept, up to a weight."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from graphql_api.recent import Recent

KEYS = st.integers(0, 6)


@given(
    st.integers(0, 20),
    st.lists(st.one_of(KEYS, st.tuples(KEYS, st.integers(1, 12)), st.tuples(KEYS)), max_size=60),
)
def test_it_keeps_what_a_plain_model_keeps(most, steps):
    """A number is looked up; a number and a weight are put in; a number by itself in a tuple is dropped."""
    recent, model = Recent(most), OrderedDict()
    for place, step in enumerate(steps):
        if isinstance(step, int):
            assert recent.get(step) == model.get(step, (None, 0))[0]
            if step in model:
                model.move_to_end(step)
            continue
        key, *weights = step
        if not weights:
            recent.drop(key)
            model.pop(key, None)
            continue
        (weight,) = weights
        recent.put(key, place, weight)
        model.pop(key, None)
        model[key] = place, weight
        while sum(weight for _, weight in model.values()) > most:
            model.popitem(last=False)
    assert {key: recent.get(key) for key in range(7)} == {
        key: model.get(key, (None, 0))[0] for key in range(7)
    }
