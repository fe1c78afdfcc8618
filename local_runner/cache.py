"""Owns caches: zip archives in a local directory, one per project and key. The server plays no part."""

import hashlib
from pathlib import Path
from urllib.parse import quote

from local_runner.archive import move_into_place, pack_zip, unpack_zip
from local_runner.artifacts import JobFiles, wanted
from local_runner.errors import SystemFailure
from local_runner.job import CacheSpec

_POLICIES = ("pull-push", "pull", "push")
_NAME_LIMIT = 150  # bytes of a directory name, with room for the hash


def restore(files: JobFiles, spec: CacheSpec) -> None:
    """Unpack the first archive there is among the key and its fallbacks. A cache never fails the job."""
    if spec.files.empty or _policy(files, spec) not in ("pull-push", "pull"):
        return
    fallbacks = (*spec.fallback_keys, files.variables.get("CACHE_FALLBACK_KEY"))
    for key in (_key(files, spec), *(files.variables.expand(key) for key in fallbacks if key)):
        archive = archive_path(files.workspace.cache_dir, key)
        if not archive.is_file():
            files.log.line(f"No cache for {key}")
            continue
        try:
            count = unpack_zip(archive, files.workspace.project_dir, files.limits, files.control.check)
            files.log.line(f"Successfully extracted cache {key} ({count} entries)")
        except SystemFailure as failure:
            files.log.warning(f"cache {key}: {failure}")
        return


def store(files: JobFiles, spec: CacheSpec, *, success: bool) -> None:
    """Pack what the entry names, if policy and result ask for it. A cache never fails the job."""
    if (
        spec.files.empty
        or _policy(files, spec) not in ("pull-push", "push")
        or not wanted(spec.when, success=success)
    ):
        return
    key = _key(files, spec)
    packed = files.workspace.temp_dir / "cache"
    try:
        names = files.select(spec.files)
        if not names:
            files.log.warning(f"cache {key}: no files to store")
            return
        count = pack_zip(files.workspace.project_dir, names, packed, files.control.check)
        move_into_place(packed, archive_path(files.workspace.cache_dir, key))
        files.log.line(f"Created cache {key} ({count} entries)")
    except (OSError, ValueError) as error:
        files.log.warning(f"cache {key} cannot be stored: {error}")


def archive_path(cache_dir: Path, key: str) -> Path:
    """Where the archive of a key lies. Any key gives a plain directory name, different for different keys."""
    name = quote(key, safe=" @+,=") or "default"
    if name.startswith("."):
        name = "%2E" + name[1:]
    if len(name) > _NAME_LIMIT:
        name = f"{name[:_NAME_LIMIT]}-{hashlib.sha256(key.encode()).hexdigest()}"
    return cache_dir / name / "cache.zip"


def _key(files: JobFiles, spec: CacheSpec) -> str:
    return files.variables.expand(spec.key) or f"{files.job.name}/{files.job.git.ref}"


def _policy(files: JobFiles, spec: CacheSpec) -> str:
    policy = files.variables.expand(spec.policy)
    if policy not in _POLICIES:
        files.log.warning(f"cache policy {policy!r} is not known; the cache is skipped")
    return policy
