"""Reads single files out of jobs' archives, within bounds."""

from __future__ import annotations

import zipfile
import zlib
from typing import Final

from ci_core import storage
from ci_core.errors import ArtifactInvalid
from ci_core.models import Artifact, ArtifactFormat

#: Largest archive that is looked into, bytes (https://docs.gitlab.com/ci/pipelines/downstream_pipelines/#dynamic-child-pipelines).
MAX_ARCHIVE: Final = 5 * 1024 * 1024
#: Largest file that is read out of one, bytes. A CI configuration has a smaller limit of its own.
MAX_FILE: Final = 5 * 1024 * 1024


def read_member(archive: Artifact, path: str) -> bytes:
    """A file of a job's archive. path: as the archive lists it. Raises ArtifactInvalid."""
    if archive.file_format != ArtifactFormat.ZIP:
        raise ArtifactInvalid(
            f"The artifacts are packed as {archive.file_format}: only zip can be read here."
        )
    if archive.size > MAX_ARCHIVE:
        raise ArtifactInvalid(
            f"The artifacts have {archive.size} bytes; up to {MAX_ARCHIVE} are looked into."
        )
    try:
        with (
            storage.open_blob(archive.blob) as stored,
            zipfile.ZipFile(stored) as members,
            members.open(path) as member,
        ):
            content = member.read(MAX_FILE + 1)
    except KeyError:
        raise ArtifactInvalid(f"The artifacts have no file {path}.") from None
    except FileNotFoundError:
        raise ArtifactInvalid("The artifacts are gone from the storage.") from None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError):
        raise ArtifactInvalid("The artifacts cannot be unpacked.") from None
    if len(content) > MAX_FILE:
        raise ArtifactInvalid(f"{path} has more than {MAX_FILE} bytes.")
    return content
