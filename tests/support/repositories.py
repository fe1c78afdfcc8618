"""Makes small bare git repositories for tests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import pygit2

AUTHOR = pygit2.Signature("Ada", "ada@example.com", int(time.time()), 0)


def make_repository(
    folder: Path, files: Mapping[str, str | bytes], *, branch: str = "main"
) -> pygit2.Repository:
    """A new bare repository with one commit of these files on `branch`."""
    repository = pygit2.init_repository(str(folder), bare=True, initial_head=branch)
    commit_files(repository, files, branch=branch)
    return repository


def commit_files(
    repository: pygit2.Repository,
    files: Mapping[str, str | bytes],
    *,
    branch: str = "main",
    message: str = "Change",
) -> str:
    """Commits these files (alone) to a branch; returns the commit's id."""
    index = pygit2.Index()
    for path, content in files.items():
        data = content.encode() if isinstance(content, str) else content
        index.add(pygit2.IndexEntry(path, repository.create_blob(data), pygit2.enums.FileMode.BLOB))
    ref = f"refs/heads/{branch}"
    parents = [repository.references[ref].target] if ref in repository.references else []
    tree = index.write_tree(repository)
    return str(repository.create_commit(ref, AUTHOR, AUTHOR, message, tree, parents))
