"""What the tests of subscriptions share: running a scenario, and changing things as another process would."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

R = TypeVar("R")
ROOT = Path(__file__).resolve().parents[3]


def run(scenario: Callable[[], Coroutine[Any, Any, R]]) -> R:
    """Runs a scenario to its end, and asserts that it leaves no task behind."""

    async def whole() -> R:
        result = await scenario()
        await asyncio.sleep(0.05)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, others
        return result

    return asyncio.run(whole())


async def elsewhere(function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
    """Runs a function in a thread with a connection of its own, which it gives back."""

    def call() -> R:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()

    return await sync_to_async(call, thread_sensitive=False)()


async def in_another_process(code: str) -> None:
    """Runs Python code in a process of its own, on the test's database."""
    name = connections["default"].settings_dict["NAME"]
    prelude = (
        "import django; from django.conf import settings; "
        "settings.DATABASES['default']['NAME'] = %r; django.setup();"
    )
    done = await sync_to_async(subprocess.run, thread_sensitive=False)(
        [sys.executable, "-c", f"{prelude % str(name)}\n{code}"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
