"""Owns the test that what is not supported yet is always said, with the keyword, the place and what to do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ci_core.compiler import CompileResult

Run = Callable[..., CompileResult]


@pytest.mark.parametrize(
    ("text", "path", "advice"),
    [
        ("a: {run: []}", "jobs:a:run", "Write the commands of its steps under script"),
        ("a: {script: x, identity: google_cloud}", "jobs:a:identity", "declare a token under id_tokens"),
        ("default: {identity: x}\na: {script: x}", "default:identity", "declare a token under id_tokens"),
    ],
)
def test_unsupported(run: Run, text: str, path: str, advice: str) -> None:
    result = run(text)
    found = [error for error in result.errors if error.code == "unsupported"]
    assert result.pipeline is None
    assert path in [error.path for error in found]
    for error in found:
        assert "is not supported here yet. " in error.message
        assert path.rpartition(":")[2] in error.message
        assert advice in error.message
