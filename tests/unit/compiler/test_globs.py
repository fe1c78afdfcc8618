"""Owns the tests of path patterns, from Ruby's File.fnmatch with PATHNAME, DOTMATCH and EXTGLOB."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_core.compiler.globs import include_matcher, is_glob, path_matcher


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*", "a", True),
        ("*", "a/b", False),
        ("*", ".hidden", True),
        ("*.md", "README.md", True),
        ("*.md", "docs/README.md", False),
        ("**/*.md", "README.md", True),
        ("**/*.md", "docs/deep/README.md", True),
        ("docs/*", "docs/a", True),
        ("docs/*", "docs/a/b", False),
        ("docs/**/*", "docs/a", True),
        ("docs/**/*", "docs/a/b/c", True),
        ("docs/**/*", "docs", False),
        ("docs/**", "docs/a", True),
        ("docs/**", "docs/a/b", False),
        ("a**/b", "a/b", True),
        ("a**/b", "ax/y/b", False),
        ("**/**/x", "x", True),
        ("**/a/**/b", "q/a/r/s/b", True),
        ("?.c", "a.c", True),
        ("?.c", "/.c", False),
        ("[ab].c", "b.c", True),
        ("[^ab].c", "b.c", False),
        ("[!ab].c", "c.c", True),
        ("[a-c]x", "bx", True),
        ("[", "[", True),
        ("path/*.{rb,py,sh}", "path/x.py", True),
        ("path/*.{rb,py,sh}", "path/x.js", False),
        ("{**/x,y}/z", "a/b/x/z", True),
        ("{a,{b,c}d}", "cd", True),
        ("a,b", "a,b", True),
        ("{a", "{a", True),
        ("a}", "a}", True),
        (r"\*", "*", True),
        (r"\*", "a", False),
        ("a+b(c).txt", "a+b(c).txt", True),
        ("a.c", "abc", False),
    ],
)
def test_paths(pattern: str, path: str, matches: bool) -> None:
    matcher = path_matcher(pattern)
    assert matcher is not None
    assert (matcher.search(path) is not None) == matches


@given(st.text(alphabet="ab*?[]{},\\/.!^-", max_size=30), st.text(alphabet="ab/.", max_size=20))
def test_any_pattern_compiles_or_is_refused(pattern: str, path: str) -> None:
    matcher = path_matcher(pattern)
    if matcher is not None:
        matcher.search(path)
        if not is_glob(pattern):
            assert (matcher.search(path) is not None) == (pattern == path)
    include_matcher(pattern)


def test_hostile_patterns_take_no_time() -> None:
    started = time.perf_counter()
    matcher = path_matcher("*a" * 200 + "b")
    assert matcher is not None
    assert matcher.search("a" * 5000) is None
    assert path_matcher("*" * 2000) is None
    assert time.perf_counter() - started < 1
