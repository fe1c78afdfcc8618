"""Owns tests of the maskers: nothing leaks, nothing else changes, wherever the stream is cut."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from local_runner.masking import MASK, Masker, PrefixMasker, ValueMasker

# Few letters make overlaps likely; none of them occurs in the mask itself.
texts = st.binary(max_size=60).map(lambda data: bytes(b"abc"[byte % 3] for byte in data))
values = st.lists(texts.filter(bool).map(lambda text: text[:8]), max_size=4)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:end] for start, end in pairwise(edges)]


def naive(data: bytes, secrets: list[bytes]) -> bytes:
    """The same in one piece: every position that any occurrence covers is hidden."""
    found = sorted(
        (at, at + len(secret)) for secret in secrets for at in range(len(data)) if data.startswith(secret, at)
    )
    runs: list[list[int]] = []
    for start, end in found:
        if runs and start < runs[-1][1]:
            runs[-1][1] = max(runs[-1][1], end)
        else:
            runs.append([start, end])
    output, at = b"", 0
    for start, end in runs:
        output += data[at:start] + MASK
        at = end
    return output + data[at:]


@settings(max_examples=300, deadline=None)
@given(data=texts, secrets=values, places=st.lists(st.integers(0, 100), max_size=6))
def test_any_cut_gives_what_the_whole_gives(data, secrets, places):
    masker = ValueMasker(secrets)

    output = b"".join(masker.feed(piece) for piece in cut(data, places)) + masker.flush()

    assert output == naive(data, secrets)
    assert not any(secret in output for secret in secrets)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=80), places=st.lists(st.integers(0, 100), max_size=6))
def test_other_text_is_not_altered(data, places):
    masker = Masker(["no-such-value"], ["glpat-"])

    output = b"".join(masker.feed(piece) for piece in cut(data, places)) + masker.flush()

    assert output == data


@settings(max_examples=200, deadline=None)
@given(
    before=st.text("xyz -", max_size=8),
    token=st.text("abc019_.-", min_size=1, max_size=8),
    places=st.lists(st.integers(0, 100), max_size=6),
)
def test_tokens_after_a_prefix_are_hidden(before, token, places):
    masker = PrefixMasker([b"glpat-"])
    data = f"{before}glpat-{token} end glpat-!".encode()

    output = b"".join(masker.feed(piece) for piece in cut(data, places)) + masker.flush()

    assert output == f"{before}glpat-[MASKED] end glpat-!".encode()


def test_memory_stays_small_when_a_run_never_ends():
    masker = ValueMasker([b"aa"])

    output = b"".join(masker.feed(b"aaa") for _ in range(1000)) + masker.flush()

    assert output == MASK
    assert len(masker._pending) <= 2


def test_without_secrets_everything_passes_at_once():
    assert Masker().feed(b"text") == b"text"
