"""Owns the fixtures of the compiler tests: compiling a text, and the two ways a test reads the result."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

from ci_core.compiler import CompileContext, CompiledPipeline, CompileResult, Limits, compile_config

BRANCH = {
    "CI": "true",
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_REF_SLUG": "main",
    "CI_DEFAULT_BRANCH": "main",
    "CI_PIPELINE_SOURCE": "push",
}


def context(source: str = "push", **variables: str) -> CompileContext:
    """A push to the branch main, with further variables."""
    values = {**BRANCH, "CI_PIPELINE_SOURCE": source, **variables}
    return CompileContext(ref="main", source=source, variables=values)


@pytest.fixture
def run() -> Callable[..., CompileResult]:
    """Compiles a text for a push to main."""

    def compile_text(
        text: str, *, limits: Limits | None = None, source: str = "push", **variables: str
    ) -> CompileResult:
        return compile_config(textwrap.dedent(text), context(source, **variables), limits=limits or Limits())

    return compile_text


@pytest.fixture
def plan(run: Callable[..., CompileResult]) -> Callable[..., CompiledPipeline]:
    """Compiles a text that must be right."""

    def compile_right(text: str, **options: Any) -> CompiledPipeline:
        result = run(text, **options)
        assert [str(error) for error in result.errors] == []
        assert result.pipeline is not None
        return result.pipeline

    return compile_right


@pytest.fixture
def errors(run: Callable[..., CompileResult]) -> Callable[..., list[str]]:
    """Compiles a text that must be wrong; gives `line path: message` for each error."""

    def compile_wrong(text: str, **options: Any) -> list[str]:
        result = run(text, **options)
        assert result.pipeline is None
        assert result.errors
        return [f"{error.line} {error.path}: {error.message}" for error in result.errors]

    return compile_wrong
