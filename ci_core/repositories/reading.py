"""Reads a project's bare git repository with libgit2: refs, commits and files; never writes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pygit2
from django.conf import settings

from ci_core.errors import CiError, RefNotFound, RepositoryMissing
from ci_core.models import Project

#: Largest file that is read out of a repository, bytes. A CI configuration has a smaller limit of its own.
MAX_FILE: Final = 16 * 1024 * 1024


class FileTooLarge(CiError):
    """The file is larger than Pipeyard reads out of a repository."""

    code = "file_too_large"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that a ref points to. ref: name without refs/heads/ or refs/tags/."""

    sha: str
    ref: str
    tag: bool
    message: str
    author_name: str
    author_email: str
    committed_at: datetime
    parent_sha: str | None

    @property
    def title(self) -> str:
        """First line of the message."""
        return self.message.partition("\n")[0].strip()


def repository_folder(project: Project) -> Path:
    """Where the project's repository is; a relative path starts at PIPEYARD_REPOSITORIES."""
    return Path(settings.PIPEYARD_REPOSITORIES) / project.repository_path


def open_repository(project: Project) -> Repository:
    """The project's repository. Raises RepositoryMissing."""
    folder = repository_folder(project)
    try:
        return Repository(pygit2.Repository(str(folder), pygit2.enums.RepositoryOpenFlag.NO_SEARCH))
    except (pygit2.GitError, KeyError) as error:
        raise RepositoryMissing(
            f"Project {project.full_path} has no git repository at {folder}: "
            "set its repository path to that of a bare repository."
        ) from error


class Repository:
    """One open repository."""

    def __init__(self, git: pygit2.Repository) -> None:
        self._git = git

    def resolve(self, ref: str) -> Commit:
        """The commit of a branch or tag name (a branch wins), full or short. Raises RefNotFound."""
        for prefix, tag in (("refs/heads/", False), ("refs/tags/", True)):
            name = ref if ref.startswith(prefix) else prefix + ref
            try:
                target = self._git.lookup_reference(name).peel(pygit2.Commit)
            except (KeyError, ValueError, pygit2.GitError):
                continue
            return _commit(target, name.removeprefix(prefix), tag)
        raise RefNotFound(f"The repository has no branch or tag named {ref!r}.")

    def commit(self, sha: str, ref: str = "", tag: bool = False) -> Commit | None:
        """The commit with this id, as that of the given ref; None if the repository does not have it."""
        try:
            found = self._git.get(pygit2.Oid(hex=sha))
        except ValueError:
            return None
        return _commit(found, ref, tag) if isinstance(found, pygit2.Commit) else None

    def read(self, sha: str, path: str) -> bytes | None:
        """Content of a file at a commit; None if it is not there. Raises FileTooLarge."""
        commit = self._git.get(pygit2.Oid(hex=sha))
        try:
            entry = commit.tree[path] if isinstance(commit, pygit2.Commit) else None
        except KeyError:
            return None
        if not isinstance(entry, pygit2.Blob):
            return None
        if entry.size > MAX_FILE:
            raise FileTooLarge(f"{path} has {entry.size} bytes; Pipeyard reads files of up to {MAX_FILE}.")
        return entry.data


def _commit(found: pygit2.Commit, ref: str, tag: bool) -> Commit:
    return Commit(
        sha=str(found.id),
        ref=ref,
        tag=tag,
        message=found.message,
        author_name=found.author.name,
        author_email=found.author.email,
        committed_at=datetime.fromtimestamp(found.commit_time, UTC),
        parent_sha=str(found.parent_ids[0]) if found.parent_ids else None,
    )
