"""Reads a project's bare git repository with libgit2: refs, commits and files; never writes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pygit2
import structlog
from django.conf import settings

from ci_core.errors import CiError, RefNotFound, RepositoryMissing

if TYPE_CHECKING:
    from ci_core.models import Project

log = structlog.get_logger("pipeyard.repositories")

#: Largest file that is read out of a repository, bytes. A CI configuration has a smaller limit of its own.
MAX_FILE: Final = 16 * 1024 * 1024
#: Commits that are walked back, for all files of a cache's key together, to find the newest ones that changed them.
MOST_STEPS: Final = 20_000

#: Characters of a title from which on it is cut, and what is left of it, without the dots.
LONG_TITLE: Final = 100
CUT_TITLE: Final = 78
NO_MESSAGE: Final = "No commit message"
_LINE_END: Final = re.compile(r"[\r\n]")
_SHA: Final = re.compile(r"[0-9a-f]{7,40}")


class FileTooLarge(CiError):
    """The file is larger than Pipeyard reads out of a repository."""

    code = "file_too_large"


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that a ref points to. ref: name without refs/heads/ or refs/tags/. tag_message: of an annotated tag.

    What of its message is title and what description: GitLab's Commit model.
    """

    sha: str
    ref: str
    tag: bool
    message: str
    author_name: str
    author_email: str
    authored_at: datetime
    committer_name: str
    committer_email: str
    committed_at: datetime
    parent_sha: str | None
    tag_message: str = ""

    @property
    def full_title(self) -> str:
        """First line of the message."""
        return _LINE_END.split(self.message, 1)[0] if self.message.strip() else NO_MESSAGE

    @property
    def title(self) -> str:
        """The same; of a long one, the words that fit into 78 characters, and three dots."""
        full = self.full_title
        if len(full) < LONG_TITLE:
            return full
        end = full.rfind(" ", 0, CUT_TITLE + 1)
        return full[: end if end >= 0 else CUT_TITLE] + "..."

    @property
    def description(self) -> str | None:
        """The message after its first line, or all of it below a long title; None where there is only a title."""
        if len(self.full_title) >= LONG_TITLE:
            return self.message
        if not self.message.strip():
            return NO_MESSAGE
        _, end, rest = self.message.partition("\n")
        return re.sub(r"(\r\n|\n|\r)\Z", "", rest) if end else None


def repository_folder(project: Project) -> Path:
    """Where the project's repository is; a relative path starts at PIPEYARD_REPOSITORIES."""
    return Path(settings.PIPEYARD_REPOSITORIES) / project.repository_path


def open_repository(project: Project) -> Repository:
    """The project's repository. Raises RepositoryMissing."""
    folder = repository_folder(project)
    try:
        return Repository(pygit2.Repository(str(folder), pygit2.enums.RepositoryOpenFlag.NO_SEARCH))
    except (pygit2.GitError, KeyError) as error:
        # The folder is for the log alone: whoever asks need not learn how the server is laid out.
        log.warning("no git repository", project=project.full_path, folder=str(folder))
        raise RepositoryMissing(
            f"Project {project.full_path} has no git repository where its repository path points: "
            "an administrator sets it to that of a bare repository."
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
            short = name.removeprefix(prefix)
            return _commit(target, short, tag, self._tag_message(short) if tag else "")
        raise RefNotFound(f"The repository has no branch or tag named {ref!r}.")

    def commit(self, sha: str, ref: str = "", tag: bool = False) -> Commit | None:
        """The commit with this id, as that of the given ref; None if the repository does not have it."""
        try:
            found = self._git.get(pygit2.Oid(hex=sha))
        except ValueError:
            return None
        message = self._tag_message(ref) if tag else ""
        return _commit(found, ref, tag, message) if isinstance(found, pygit2.Commit) else None

    def _tag_message(self, name: str) -> str:
        """The message of an annotated tag; nothing for others."""
        try:
            target = self._git.lookup_reference(f"refs/tags/{name}").target
        except (KeyError, ValueError, pygit2.GitError):
            return ""
        found = self._git.get(target) if isinstance(target, pygit2.Oid) else None
        return str(found.message).strip() if isinstance(found, pygit2.Tag) else ""

    def find(self, ref: str) -> Commit | None:
        """The commit of a branch, a tag or a commit id (short ones too), in this order; None if there is none."""
        try:
            return self.resolve(ref)
        except RefNotFound:
            pass
        if not _SHA.fullmatch(ref):
            return None
        try:
            found = self._git.get(ref)
        except ValueError:  # ambiguous
            return None
        return _commit(found, ref, False) if isinstance(found, pygit2.Commit) else None

    def branches(self) -> list[str]:
        """The names of all branches."""
        names = self._git.references.iterator(pygit2.enums.ReferenceFilter.BRANCHES)
        return [reference.name.removeprefix("refs/heads/") for reference in names]

    def has_branch(self, name: str) -> bool:
        """Whether there is a branch with this name."""
        return f"refs/heads/{name}" in self._git.references

    def tags(self) -> list[str]:
        """The names of all tags."""
        names = self._git.references.iterator(pygit2.enums.ReferenceFilter.TAGS)
        return [reference.name.removeprefix("refs/tags/") for reference in names]

    def tags_by_commit(self) -> dict[str, list[str]]:
        """The names of the tags that point to each commit, sorted; those that point to something else are left out."""
        found: dict[str, list[str]] = {}
        for reference in self._git.references.iterator(pygit2.enums.ReferenceFilter.TAGS):
            try:
                sha = str(reference.peel(pygit2.Commit).id)
            except (KeyError, ValueError, pygit2.GitError):
                continue
            found.setdefault(sha, []).append(reference.name.removeprefix("refs/tags/"))
        return {sha: sorted(names) for sha, names in found.items()}

    def files(self, sha: str) -> list[str]:
        """The paths of all files at a commit, sorted."""
        commit = self._git.get(pygit2.Oid(hex=sha))
        index = pygit2.Index()
        if isinstance(commit, pygit2.Commit):
            index.read_tree(commit.tree)
        return [entry.path for entry in index]

    def changed(self, old: str, new: str) -> list[str] | None:
        """The paths that differ between two commits, sorted; None if the repository does not have both."""
        first, second = self.commit(old), self.commit(new)
        if first is None or second is None:
            return None
        delta = self._git.diff(first.sha, second.sha, flags=pygit2.enums.DiffOption.SKIP_BINARY_CHECK)
        return sorted({file.path for item in delta.deltas for file in (item.old_file, item.new_file)})

    def merge_base(self, one: str, other: str) -> str | None:
        """The commit at which two histories parted; None if they have nothing in common."""
        found = self._git.merge_base(pygit2.Oid(hex=one), pygit2.Oid(hex=other))
        return None if found is None else str(found)

    def digest(self, sha: str, paths: Sequence[str]) -> str | None:
        """A text that changes with the content of these files; None if none of them is there."""
        commit = self._git.get(pygit2.Oid(hex=sha))
        return _sum({_content_id(commit, path) for path in paths})

    def commit_digest(self, sha: str, paths: Sequence[str]) -> str | None:
        """A text that changes with the newest commits that changed these files; None if none of them is there.

        Beyond MOST_STEPS back in history a file's content stands for its commit.
        """
        commit = self._git.get(pygit2.Oid(hex=sha))
        steps, found = MOST_STEPS, set[str | None]()
        for path in paths:
            content = _content_id(commit, path)
            if content is not None and isinstance(commit, pygit2.Commit):
                newest, steps = _newest_change(commit, path, content, steps)
                found.add(newest)
        return _sum(found)

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


def _sum(ids: set[str | None]) -> str | None:
    """One sum of several ids, in whatever order.

    Source: GitLab, lib/gitlab/ci/pipeline/seed/build/cache.rb
    """
    known = sorted(item for item in ids if item is not None)
    return hashlib.sha1("-".join(known).encode(), usedforsecurity=False).hexdigest() if known else None


def _content_id(commit: pygit2.Object | pygit2.Commit | None, path: str) -> str | None:
    """The id of a file's content at a commit; None if there is no such file."""
    try:
        entry = commit.tree[path] if isinstance(commit, pygit2.Commit) else None
    except (KeyError, ValueError):
        return None
    return str(entry.id) if isinstance(entry, pygit2.Blob) else None


def _newest_change(commit: pygit2.Commit, path: str, content: str, steps: int) -> tuple[str, int]:
    """The newest commit at which a file came to its content, and the steps that are left after looking for it.

    Of a merge the side is followed on which the file was already the same, as `git log` does.
    """
    while True:
        same = next((parent for parent in commit.parents if _content_id(parent, path) == content), None)
        if same is None or not steps:
            return str(commit.id) if same is None else content, steps
        commit, steps = same, steps - 1


def _commit(found: pygit2.Commit, ref: str, tag: bool, tag_message: str = "") -> Commit:
    return Commit(
        sha=str(found.id),
        ref=ref,
        tag=tag,
        message=found.message,
        author_name=found.author.name,
        author_email=found.author.email,
        authored_at=datetime.fromtimestamp(found.author.time, UTC),
        committer_name=found.committer.name,
        committer_email=found.committer.email,
        committed_at=datetime.fromtimestamp(found.commit_time, UTC),
        parent_sha=str(found.parent_ids[0]) if found.parent_ids else None,
        tag_message=tag_message,
    )
