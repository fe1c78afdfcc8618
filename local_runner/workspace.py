"""Owns the places of a job on disk: project directory, temporary directory, the project's cache."""

import fcntl
import os
import re
import secrets
import shutil
import stat
import string
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from local_runner.errors import SystemFailure
from local_runner.job import Job

_SYSTEM_ID = re.compile(r"[sr]_[0-9a-zA-Z]{12}")


@dataclass(frozen=True)
class Workspace:
    """Where one job works. Two slots never share a project directory."""

    builds_dir: Path
    project_dir: Path
    temp_dir: Path
    cache_dir: Path

    def prepare(self) -> None:
        """Make the directories; the temporary one is new and only ours."""
        remove_tree(self.temp_dir)
        self.project_dir.parent.mkdir(parents=True, exist_ok=True)
        self.temp_dir.mkdir(mode=0o700)

    def clean_up(self) -> None:
        """Remove what must not stay after the job (file variables, scripts, archives)."""
        remove_tree(self.temp_dir)


def workspace_for(job: Job, work_dir: Path, slot: int) -> Workspace:
    """The workspace of a job in a slot. Raises SystemFailure if the project's path cannot be a directory."""
    path = _project_path(job)
    strategies = [variable.value for variable in job.variables if variable.key == "GIT_STRATEGY"]
    suffix = "-empty" if strategies[-1:] == ["empty"] else ""  # so that the checkout of other jobs stays
    builds = work_dir / "builds"
    project = builds / str(slot) / (path + suffix)
    return Workspace(
        builds_dir=builds,
        project_dir=project,
        temp_dir=project.with_name(project.name + ".tmp"),
        cache_dir=work_dir / "cache" / path,
    )


def _project_path(job: Job) -> str:
    """`group/project` from the repository URL; without a host, `project-<id>`."""
    url = urlsplit(job.git.repo_url)
    path = url.path.strip("/").removesuffix(".git") if url.hostname else ""
    if not path:
        return f"project-{job.project_id}"
    if any(part in ("", ".", "..") or part.startswith("-") for part in path.split("/")) or "\0" in path:
        raise SystemFailure("the path of the repository URL cannot be used as a directory")
    return path


def remove_tree(path: Path) -> None:
    """Remove a directory with all in it, also where a job took away write permission."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.exists():
        try:
            shutil.rmtree(path)
        except PermissionError:
            _unlock(path)
            shutil.rmtree(path)


def _unlock(top: Path) -> None:
    """Give the owner all rights on a directory and those below it."""
    top.chmod(stat.S_IRWXU)
    for folder, names, _ in os.walk(top):
        for name in names:
            below = Path(folder) / name
            if not below.is_symlink():
                below.chmod(stat.S_IRWXU)


def system_id(work_dir: Path) -> str:
    """This installation's id, made at the first start and kept in a file."""
    file = work_dir / ".runner_system_id"
    known = file.read_text(encoding="ascii", errors="replace").strip() if file.exists() else ""
    if _SYSTEM_ID.fullmatch(known):
        return known
    alphabet = string.ascii_letters + string.digits
    fresh = "r_" + "".join(secrets.choice(alphabet) for _ in range(12))
    file.write_text(fresh + "\n", encoding="ascii")
    return fresh


def lock(work_dir: Path) -> IO[str] | None:
    """Keep other runners out of a work directory while the file stays open; None if one is there already."""
    file = (work_dir / ".lock").open("w", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
