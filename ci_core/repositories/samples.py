"""Turns a folder of plain files into a bare git repository with one commit."""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

import pygit2


def import_folder(
    source: Path, target: Path, *, branch: str, author: str, email: str, at: datetime, message: str
) -> str:
    """Makes the bare repository `target` from the files under `source`; it appears whole or not at all.

    Executable files stay executable. Returns the id of the commit.
    """
    staging = target.with_name(f"{target.name}.part")
    shutil.rmtree(staging, ignore_errors=True)
    repository = pygit2.init_repository(str(staging), bare=True, initial_head=branch)
    index = pygit2.Index()
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            mode = (
                pygit2.enums.FileMode.BLOB_EXECUTABLE
                if path.stat().st_mode & 0o100
                else pygit2.enums.FileMode.BLOB
            )
            blob = repository.create_blob(path.read_bytes())
            index.add(pygit2.IndexEntry(path.relative_to(source).as_posix(), blob, mode))
    signature = pygit2.Signature(author, email, int(at.timestamp()), 0)
    tree = index.write_tree(repository)
    commit = repository.create_commit(f"refs/heads/{branch}", signature, signature, message, tree, [])
    repository.free()
    staging.rename(target)
    return str(commit)
