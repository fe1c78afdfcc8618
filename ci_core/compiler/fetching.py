"""Owns what the compiler asks of the world around it: files of repositories, other files, changed files.

The compiler reads nothing itself. Whoever calls it hands in objects of these shapes; each answers with what was
asked for, or with a Refusal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Place:
    """A commit of a project: where paths begin. `project` is None for the project that runs the pipeline.

    `public` says that what is asked from here is asked on nobody's behalf, as remote files and templates do.
    """

    project: str | None = None
    sha: str | None = None
    ref: str | None = None
    public: bool = False

    def label(self, path: str) -> str:
        """The name of a file in messages."""
        return path if self.project is None else f"{self.project}@{self.ref or 'HEAD'}:{path}"


HOME = Place()
#: Where a remote file or a template stands: in no project.
NOWHERE = Place(project="", public=True)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer: `not_found` (or may not be seen), `not_allowed`, `too_large` or `failed`."""

    reason: str
    detail: str


class Fetcher(Protocol):
    """Reads files for `include` and `rules:exists`."""

    def read(self, place: Place, path: str) -> bytes | Refusal:
        """The content of a file at a place."""
        ...

    def files(self, place: Place) -> Sequence[str] | Refusal:
        """The paths of all files at a place, sorted."""
        ...

    def locate(self, project: str, ref: str | None, public: bool) -> Place | Refusal:
        """The place of a ref (None: the default branch) of another project, if it may be seen."""
        ...

    def locate_component(self, host: str, project: str, version: str, public: bool) -> Place | Refusal:
        """The place of a version of a project with components: `1.2.0`, `1.2`, `~latest`, a branch or a commit."""
        ...

    def remote(self, url: str, keep: int = 0) -> bytes | Refusal:
        """The content behind a URL. keep: seconds that it may be old."""
        ...

    def template(self, name: str) -> bytes | Refusal:
        """The content of a template."""
        ...


class Changes(Protocol):
    """Tells which files a pipeline is about."""

    def changed(self, compare_to: str | None) -> Sequence[str] | Refusal | None:
        """The changed files, against the commit before the push or against a ref; None when nothing can tell."""
        ...


class NoFetcher:
    """Refuses everything: for compiling a text that stands alone."""

    def read(self, place: Place, path: str) -> bytes | Refusal:
        return _ALONE

    def files(self, place: Place) -> Sequence[str] | Refusal:
        return _ALONE

    def locate(self, project: str, ref: str | None, public: bool) -> Place | Refusal:
        return _ALONE

    def locate_component(self, host: str, project: str, version: str, public: bool) -> Place | Refusal:
        return _ALONE

    def remote(self, url: str, keep: int = 0) -> bytes | Refusal:
        return _ALONE

    def template(self, name: str) -> bytes | Refusal:
        return _ALONE


_ALONE = Refusal("not_found", "this configuration is compiled on its own, without a repository")
