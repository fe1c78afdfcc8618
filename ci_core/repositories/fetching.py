"""Reads files for `include` and `rules:exists` out of git, on behalf of a user."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from ci_core.compiler import Place, Refusal
from ci_core.errors import CiError, RepositoryMissing
from ci_core.models import Project, User
from ci_core.repositories.reading import Repository, open_repository
from ci_core.repositories.remote import TOTAL_TIMEOUT, fetch_or_keep

_VERSION: Final = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_PARTIAL: Final = re.compile(r"\d+(?:\.\d+)?")
#: One answer for what is not there and for what may not be seen, so that it tells nothing about private projects.
_UNSEEN: Final = Refusal("not_found", "project not found or access denied")


class ProjectFetcher:
    """A Fetcher for a pipeline of `project` at commit `sha`; sees other projects as `user` does.

    files: contents by path that stand beside, and before, the files of the commit.
    """

    def __init__(
        self,
        project: Project,
        repository: Repository,
        sha: str,
        user: User | None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        self._files = files or {}
        self._project = project
        self._home = repository
        self._sha = sha
        self._user = user
        self._repositories: dict[str, Repository] = {project.full_path: repository}
        self._waited = 0.0
        self._projects: dict[tuple[str, bool], Project | None] = {}

    def read(self, place: Place, path: str) -> bytes | Refusal:
        """A file of the project itself, or of one that `locate` gave out."""
        if place.project is None and path in self._files:
            return self._files[path]
        try:
            content = self._repository(place).read(place.sha or self._sha, path)
        except CiError as error:
            return Refusal("too_large", error.message.rstrip("."))
        return Refusal("not_found", "the file does not exist") if content is None else content

    def files(self, place: Place) -> Sequence[str] | Refusal:
        """All paths of the commit."""
        return self._repository(place).files(place.sha or self._sha)

    def locate(self, project: str, ref: str | None, public: bool) -> Place | Refusal:
        """A ref of a project that the user may see.

        Source: https://docs.gitlab.com/ci/yaml/#includeproject
        """
        found = self._see(project.strip("/"), public)
        if isinstance(found, Refusal):
            return found
        commit = self._repositories[found.full_path].find(ref or found.default_branch)
        if commit is None:
            return Refusal(
                "not_found", f"{found.full_path} has no branch, tag or commit {ref or found.default_branch!r}"
            )
        return Place(found.full_path, commit.sha, ref, public)

    def locate_component(self, host: str, project: str, version: str, public: bool) -> Place | Refusal:
        """A version of a component's project, on this server.

        `1.2` is the newest tag 1.2.x and `~latest` the newest of all; the rest is a tag, a branch or a commit.
        Source: https://docs.gitlab.com/ci/components/#component-versions
        """
        if host.lower() != urlsplit(settings.PIPEYARD_EXTERNAL_URL).netloc.lower():
            return Refusal("not_found", f"components are taken from this server only, not from {host}")
        found = self._see(project, public)
        if isinstance(found, Refusal):
            return found
        repository = self._repositories[found.full_path]
        commit = repository.find(version)
        if commit is None and (version == "~latest" or _PARTIAL.fullmatch(version)):
            newest = _newest(repository.tags(), "" if version == "~latest" else version)
            commit = None if newest is None else repository.find(newest)
        if commit is None:
            return Refusal("not_found", f"{found.full_path} has no version {version!r}")
        return Place(found.full_path, commit.sha, commit.ref, public)

    def remote(self, url: str, keep: int = 0) -> bytes | Refusal:
        """A file of another server."""
        return self._fetch(url, keep)

    def template(self, name: str) -> bytes | Refusal:
        """A template, from where the operator keeps templates."""
        base = settings.PIPEYARD_INCLUDE_TEMPLATES
        if not base:
            return Refusal(
                "not_allowed", "this server has no templates; its operator sets PIPEYARD_INCLUDE_TEMPLATES"
            )
        return self._fetch(base.rstrip("/") + "/" + name)

    def _fetch(self, url: str, keep: int = 0) -> bytes | Refusal:
        """Source: https://docs.gitlab.com/ci/yaml/#include"""
        if self._waited > TOTAL_TIMEOUT:
            return Refusal("failed", f"fetching remote files took more than {TOTAL_TIMEOUT:.0f} seconds")
        started = time.monotonic()
        try:
            return fetch_or_keep(url, settings.PIPEYARD_INCLUDE_PREFIXES, keep)
        finally:
            self._waited += time.monotonic() - started

    def _repository(self, place: Place) -> Repository:
        return self._home if place.project is None else self._repositories[place.project]

    def _see(self, full_path: str, public: bool) -> Project | Refusal:
        """A project with its repository opened, if it may be seen; the pipeline's own always may."""
        if full_path == self._project.full_path and not public:
            return self._project
        key = (full_path, public)
        if key not in self._projects:
            seen = Project.objects.visible_to(None if public else self._user)
            self._projects[key] = seen.filter(full_path=full_path).first()
        project = self._projects[key]
        if project is None:
            return _UNSEEN
        try:
            self._repositories.setdefault(full_path, open_repository(project))
        except RepositoryMissing:
            return Refusal("failed", f"project {full_path} has no repository")
        return project


def _newest(tags: Sequence[str], within: str) -> str | None:
    """The highest `1.2.3` or `v1.2.3` among tags, within a major or a minor version if one is given."""
    wanted = [int(part) for part in within.split(".")] if within else []
    versions: list[tuple[list[int], str]] = []
    for tag in tags:
        match = _VERSION.fullmatch(tag)
        if match is not None:
            numbers = [int(part) for part in match.groups()]
            if numbers[: len(wanted)] == wanted:
                versions.append((numbers, tag))
    return max(versions)[1] if versions else None
