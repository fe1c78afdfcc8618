"""Serves fetches over git's smart HTTP protocol, read only, by running `git upload-pack`.

Protocol: https://git-scm.com/docs/http-protocol
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Final

from django.conf import settings

#: Bytes read from git at a time.
BLOCK: Final = 64 * 1024
#: Seconds that one fetch may take.
FETCH_TIMEOUT: Final = 3600


def packet_line(text: str) -> bytes:
    """A pkt-line: four hex digits of length, then the text."""
    data = text.encode()
    return b"%04x" % (len(data) + 4) + data


async def advertise(folder: Path, protocol: str) -> AsyncGenerator[bytes, None]:
    """The answer to `info/refs?service=git-upload-pack`. protocol: the Git-Protocol header."""
    heading = b"" if "version=2" in protocol else packet_line("# service=git-upload-pack\n") + b"0000"
    async with aclosing(_upload_pack(folder, protocol, b"", "--http-backend-info-refs")) as blocks:
        async for block in blocks:
            yield heading + block
            heading = b""


def upload_pack(folder: Path, protocol: str, request: bytes) -> AsyncGenerator[bytes, None]:
    """The answer to a POST to `git-upload-pack` with that body."""
    return _upload_pack(folder, protocol, request)


async def _upload_pack(
    folder: Path, protocol: str, request: bytes, *options: str
) -> AsyncGenerator[bytes, None]:
    """Runs git with `request` as its input and yields its output; git is ended when the reader goes away."""
    process = await asyncio.create_subprocess_exec(
        settings.PIPEYARD_GIT,
        "-c",
        "uploadpack.allowReachableSHA1InWant=true",
        # The repositories belong to the operator, who may not be the user that serves them.
        "-c",
        f"safe.directory={folder}",
        "upload-pack",
        "--stateless-rpc",
        *options,
        str(folder),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={"GIT_PROTOCOL": protocol, "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    feeding = asyncio.create_task(_feed(process.stdin, request))
    until = asyncio.get_running_loop().time() + FETCH_TIMEOUT
    try:
        while True:
            # Around each read and not around the loop: who reads on may be another task than who began.
            async with asyncio.timeout_at(until):
                block = await process.stdout.read(BLOCK)
            if not block:
                break
            yield block
        await process.wait()
    finally:
        feeding.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _feed(stdin: asyncio.StreamWriter, request: bytes) -> None:
    try:
        stdin.write(request)
        await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        return
    finally:
        stdin.close()
