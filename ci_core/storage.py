"""Artifact files: stored whole and by a key, read as a file."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from django.conf import settings

#: Bytes copied at a time.
BLOCK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Blob:
    """A stored file. size: bytes."""

    key: str
    size: int
    sha256: str


def put(folder: str, blocks: Iterable[bytes]) -> Blob:
    """Stores a file under a new key that starts with `folder`; it appears whole or not at all."""
    key = f"{folder}/{uuid.uuid4().hex}"
    target = _path(key)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".part")
    size, checksum = 0, hashlib.sha256()
    try:
        with partial.open("wb") as file:
            for block in blocks:
                file.write(block)
                checksum.update(block)
                size += len(block)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return Blob(key, size, checksum.hexdigest())


def open_blob(key: str) -> IO[bytes]:
    """The file, open for reading. Raises FileNotFoundError."""
    return _path(key).open("rb")


def delete(key: str) -> None:
    """Removes a file; it may be gone already."""
    _path(key).unlink(missing_ok=True)


def _path(key: str) -> Path:
    root = Path(settings.PIPEYARD_ARTIFACTS).resolve()
    path = (root / key).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{key!r} is not a key of this storage")
    return path
