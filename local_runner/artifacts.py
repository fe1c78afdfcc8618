"""Owns artifacts: choosing files, packing and sending them, and fetching those of earlier jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local_runner import globs
from local_runner.archive import Limits, pack_gzip, pack_zip, unpack_zip
from local_runner.client import Answer, RunnerClient
from local_runner.control import JobControl
from local_runner.errors import SystemFailure
from local_runner.git import git_environment
from local_runner.job import ArtifactSpec, Dependency, FileSelection, Job
from local_runner.process import capture
from local_runner.settings import Settings
from local_runner.trace import JobLog
from local_runner.variables import Variables
from local_runner.workspace import Workspace

_TRIES = 3  # on top of the client's retry layer
_FINAL_STATUSES = (401, 403, 404, 413)
_SUFFIXES = {"": ".zip", "zip": ".zip", "gzip": ".gz", "raw": ""}


@dataclass(frozen=True)
class JobFiles:
    """What the file phases of one job share."""

    job: Job
    variables: Variables
    workspace: Workspace
    log: JobLog
    control: JobControl
    settings: Settings

    @property
    def limits(self) -> Limits:
        """Bounds of unpacking."""
        return Limits(self.settings.extract_limit_bytes, self.settings.extract_limit_entries)

    def select(self, selection: FileSelection) -> list[str]:
        """The files that a selection means, sorted relative paths; the log tells how many were found."""
        root = self.workspace.project_dir
        chosen: set[str] = set()
        for path in selection.paths:
            pattern = self.variables.expand(path)
            found = globs.find(root, pattern)
            if found:
                self.log.line(f"{pattern}: found {len(found)} matching artifact files and directories")
            else:
                self.log.warning(
                    f"{pattern}: no matching files. Ensure that the path is relative to the project directory"
                )
            chosen |= found
        if selection.untracked:
            found = self._untracked()
            self.log.line(f"untracked: found {len(found)} files")
            chosen |= found
        exclude = tuple(self.variables.expand(path) for path in selection.exclude)
        return sorted(path for path in chosen if not globs.excluded(path, exclude))

    def _untracked(self) -> set[str]:
        root = self.workspace.project_dir
        env = git_environment(self.variables, "", root)
        listing = capture(("git", "ls-files", "--others", "-z"), cwd=root, env=env)
        if listing is None:
            self.log.warning("git cannot list the untracked files")
            return set()
        return {name.decode(errors="surrogateescape") for name in listing.split(b"\0") if name}


def wanted(when: str, *, success: bool) -> bool:
    """Whether an artifact or cache entry applies to this result of the job."""
    return when == "always" or when == ("on_success" if success else "on_failure")


def upload(files: JobFiles, client: RunnerClient, spec: ArtifactSpec) -> None:
    """Pack and send one entry. Nothing to send is a warning; a refused upload raises SystemFailure."""
    if spec.artifact_format not in _SUFFIXES:
        raise SystemFailure(f"artifact format {spec.artifact_format!r} is not supported by this runner")
    names = files.select(spec.files)
    packed = files.workspace.temp_dir / "artifact"
    try:
        count = _pack(files, spec, names, packed)
        if count == 0:
            files.log.warning("no files to upload")
            return
        name = PurePosixPath(files.variables.expand(spec.name)).name or "artifacts"
        filename = name + _SUFFIXES[spec.artifact_format]
        kind = spec.artifact_type or "archive"
        answer = _send(files, client, spec, packed, filename)
        if answer.status != 201:
            raise SystemFailure(f"uploading artifacts ({kind}) failed: {answer.describe()}")
        files.log.line(
            f'Uploading artifacts as "{kind}" to coordinator... 201 Created ({filename}, {count} files)'
        )
    finally:
        packed.unlink(missing_ok=True)


def _pack(files: JobFiles, spec: ArtifactSpec, names: list[str], target: Path) -> int:
    root = files.workspace.project_dir
    try:
        if spec.artifact_format == "raw":
            if len(names) > 1:
                raise SystemFailure(f"a raw artifact is one file, but {len(names)} match")
            target.write_bytes((root / names[0]).read_bytes() if names else b"")
            return len(names)
        pack = pack_gzip if spec.artifact_format == "gzip" else pack_zip
        return pack(root, names, target, files.control.check)
    except (OSError, ValueError) as error:
        raise SystemFailure(f"packing artifacts failed: {error}") from error


def _send(files: JobFiles, client: RunnerClient, spec: ArtifactSpec, packed: Path, filename: str) -> Answer:
    params = {
        "expire_in": files.variables.expand(spec.expire_in),
        "artifact_format": spec.artifact_format,
        "artifact_type": spec.artifact_type,
    }
    return _try_several(
        files,
        client,
        201,
        lambda: client.upload_artifact(
            files.job.id,
            files.job.token,
            path=packed,
            filename=filename,
            params={key: value for key, value in params.items() if value},
            check=files.control.check,
        ),
    )


def download(files: JobFiles, client: RunnerClient, dependency: Dependency) -> None:
    """Fetch and unpack the artifacts of an earlier job. Raises SystemFailure."""
    files.log.line(f"Downloading artifacts for {dependency.name} ({dependency.id})...")
    target = files.workspace.temp_dir / "download"
    try:
        answer = _try_several(
            files,
            client,
            200,
            lambda: client.download_artifact(
                dependency.id,
                dependency.token,
                target=target,
                limit=files.settings.archive_limit_bytes,
                check=files.control.check,
            ),
        )
        if answer.status != 200:
            reason = answer.error or answer.describe()
            raise SystemFailure(
                f"downloading artifacts of {dependency.name} ({dependency.id}) failed: {reason}"
            )
        with target.open("rb") as file:
            if file.read(4)[:2] != b"PK":
                raise SystemFailure(f"the artifacts of {dependency.name} are not a zip archive")
        count = unpack_zip(target, files.workspace.project_dir, files.limits, files.control.check)
        files.log.line(f"Downloading artifacts from coordinator... ok ({count} entries)")
    finally:
        target.unlink(missing_ok=True)


def _try_several(files: JobFiles, client: RunnerClient, good: int, call: Callable[[], Answer]) -> Answer:
    answer = call()
    for _ in range(_TRIES - 1):
        if answer.status == good or answer.status in _FINAL_STATUSES:
            break
        files.log.warning(f"{answer.describe()}; trying again")
        client.wait(files.settings.final_retry_s)
        files.control.check()
        answer = call()
    return answer
