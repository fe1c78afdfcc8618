"""Owns the fixtures of the compiler tests: compiling a text, and the two ways a test reads the result."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from ci_core.compiler import (
    CompileContext,
    CompiledPipeline,
    CompileResult,
    Limits,
    Place,
    Refusal,
    compile_config,
)

BRANCH = {
    "CI": "true",
    "CI_COMMIT_BRANCH": "main",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_REF_SLUG": "main",
    "CI_DEFAULT_BRANCH": "main",
    "CI_PIPELINE_SOURCE": "push",
}


MISSING = Refusal("not_found", "the file does not exist")


@dataclass
class MemoryFetcher:
    """Files of the project, and of other projects by `path@ref`, URLs and templates, all in memory."""

    home: Mapping[str, str] = field(default_factory=dict)
    projects: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    urls: Mapping[str, str] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    kept: list[int] = field(default_factory=list)

    def _tree(self, place: Place) -> Mapping[str, str]:
        return self.home if place.project is None else self.projects[f"{place.project}@{place.ref or 'HEAD'}"]

    def read(self, place: Place, path: str) -> bytes | Refusal:
        text = self._tree(place).get(path)
        return MISSING if text is None else textwrap.dedent(text).encode()

    def files(self, place: Place) -> Sequence[str] | Refusal:
        return sorted(self._tree(place))

    def locate(self, project: str, ref: str | None, public: bool) -> Place | Refusal:
        if f"{project}@{ref or 'HEAD'}" not in self.projects or (public and project in self.private):
            return Refusal("not_found", "project not found or access denied")
        return Place(project, "1" * 40, ref, public)

    def locate_component(self, host: str, project: str, version: str, public: bool) -> Place | Refusal:
        return self.locate(project, version, public)

    def remote(self, url: str, keep: int = 0) -> bytes | Refusal:
        self.kept.append(keep)
        text = self.urls.get(url)
        return Refusal("not_allowed", "not allowed") if text is None else textwrap.dedent(text).encode()

    def template(self, name: str) -> bytes | Refusal:
        return self.remote(f"template/{name}")


@dataclass
class MemoryChanges:
    """Changed files since the push (None: no push), and against refs."""

    pushed: Sequence[str] | None = None
    against: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def changed(self, compare_to: str | None) -> Sequence[str] | Refusal | None:
        if compare_to is None:
            return self.pushed
        return self.against.get(compare_to, Refusal("not_found", "it is no branch, tag or commit"))


def context(source: str = "push", **variables: str) -> CompileContext:
    """A push to the branch main, with further variables."""
    values = {**BRANCH, "CI_PIPELINE_SOURCE": source, **variables}
    return CompileContext(ref="main", source=source, variables=values)


@pytest.fixture
def run() -> Callable[..., CompileResult]:
    """Compiles a text for a push to main."""

    def compile_text(
        text: str,
        *,
        limits: Limits | None = None,
        source: str = "push",
        given: Mapping[str, Any] | None = None,
        **variables: str,
    ) -> CompileResult:
        """`given` are further fields of the context."""
        situation = replace(context(source, **variables), **(given or {}))
        return compile_config(textwrap.dedent(text), situation, limits=limits or Limits())

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
