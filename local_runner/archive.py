"""Owns zip and gzip archives: packing files, and unpacking without writing elsewhere or without bound."""

import gzip
import os
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from local_runner.errors import ArchiveRefused

_CHUNK = 256 * 1024
_UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
)
_LINK_LIMIT = 4096  # bytes of a symlink's target


@dataclass(frozen=True)
class Limits:
    """Bounds of unpacking: bytes written and entries."""

    size: int
    entries: int


def pack_zip(root: Path, names: Iterable[str], target: Path, check: Callable[[], None]) -> int:
    """Pack files and symlinks (as symlinks) by their relative names. Returns how many there were."""
    count = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name in names:
            check()
            path = root / name
            info = path.lstat()
            if stat.S_ISLNK(info.st_mode):
                entry = zipfile.ZipInfo(name, time.localtime(max(info.st_mtime, 315619200))[:6])
                entry.create_system = 3
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                archive.writestr(entry, os.fsencode(path.readlink()))
            elif stat.S_ISREG(info.st_mode):
                archive.write(path, name)
            else:
                continue  # sockets, pipes, devices
            count += 1
    return count


def pack_gzip(root: Path, names: Iterable[str], target: Path, check: Callable[[], None]) -> int:
    """Pack files one after the other, each as a gzip member with its name. Returns how many there were."""
    count = 0
    with target.open("wb") as out:
        for name in names:
            path = root / name
            if path.is_symlink() or not path.is_file():
                continue
            with path.open("rb") as file, gzip.GzipFile(path.name, "wb", fileobj=out, mtime=0) as member:
                while chunk := file.read(_CHUNK):
                    check()
                    member.write(chunk)
            count += 1
    return count


def unpack_zip(source: Path, root: Path, limits: Limits, check: Callable[[], None]) -> int:
    """Unpack into a directory. Returns the number of entries; raises ArchiveRefused.

    Every name is looked at before anything is written; symlinks are made last, so that no entry is written
    through one of them, and a symlink of the tree that leads out of it is not followed either.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            if len(entries) > limits.entries:
                raise ArchiveRefused(f"the archive has more than {limits.entries} entries")
            for entry in entries:
                _check_entry(entry)
            room = limits.size
            for entry in sorted(entries, key=_is_link):
                check()
                room -= _unpack_entry(archive, entry, root, room, check)
            return len(entries)
    except (*_UNREADABLE, OverflowError, ValueError) as error:
        raise ArchiveRefused(f"the archive cannot be read: {error}") from error
    except OSError as error:
        raise ArchiveRefused(f"the archive cannot be unpacked: {error}") from error


def _mode(entry: zipfile.ZipInfo) -> int:
    return entry.external_attr >> 16


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(_mode(entry))


def _check_entry(entry: zipfile.ZipInfo) -> None:
    name = entry.filename
    if name.startswith("/") or ".." in name.split("/") or not name.strip("/.") or "\0" in name:
        raise ArchiveRefused(f"the archive has an entry outside the project directory: {name!r}")
    if stat.S_IFMT(_mode(entry)) not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise ArchiveRefused(f"the archive has an entry that is no file, directory or symlink: {name!r}")


def _unpack_entry(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path, room: int, check: Callable[[], None]
) -> int:
    """Write one entry, at most `room` bytes. Returns the bytes written."""
    path = root.joinpath(*PurePosixPath(entry.filename).parts)
    _make_folder(root, path if entry.is_dir() else path.parent)
    if entry.is_dir():
        return 0
    if path.is_symlink() or not path.is_dir():
        path.unlink(missing_ok=True)
    elif _is_link(entry):
        raise ArchiveRefused(f"a symlink of the archive would replace a directory: {entry.filename!r}")
    if _is_link(entry):
        _make_link(archive, entry, root, path)
        return 0
    with archive.open(entry) as source, path.open("xb") as target:
        written = _copy(source, target, room, check)
    path.chmod((_mode(entry) & 0o777) | 0o600 if _mode(entry) else 0o644)
    modified = time.mktime((*entry.date_time, 0, 0, -1))
    os.utime(path, (modified, modified))
    return written


def _copy(source: IO[bytes], target: IO[bytes], room: int, check: Callable[[], None]) -> int:
    written = 0
    while chunk := source.read(_CHUNK):
        check()
        written += len(chunk)
        if written > room:
            raise ArchiveRefused("the archive unpacks to more than the allowed size")
        target.write(chunk)
    return written


def _make_folder(root: Path, folder: Path) -> None:
    """Make a directory, and make sure that no symlink on the way leads out of the root."""
    if not _within(root, folder):
        raise ArchiveRefused(f"a symlink leads out of the project directory: {folder.relative_to(root)}")
    folder.mkdir(parents=True, exist_ok=True)


def _make_link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, root: Path, path: Path) -> None:
    if entry.file_size > _LINK_LIMIT:
        raise ArchiveRefused(f"a symlink of the archive has no usable target: {entry.filename!r}")
    with archive.open(entry) as file:
        target = os.fsdecode(file.read(_LINK_LIMIT))
    if "\0" in target or target.startswith("/") or not _within(root, path.parent / target):
        raise ArchiveRefused(
            f"a symlink of the archive leads out of the project directory: {entry.filename!r}"
        )
    path.symlink_to(target)


def _within(root: Path, path: Path) -> bool:
    real = os.path.realpath(path)
    base = os.path.realpath(root)
    return real == base or real.startswith(base + os.sep)


def move_into_place(source: Path, target: Path) -> None:
    """Put a finished archive where others look for it, in one step also across file systems."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f"{target.name}.{os.getpid()}.{source.stat().st_ino}.part")
    shutil.move(source, beside)
    beside.replace(target)
