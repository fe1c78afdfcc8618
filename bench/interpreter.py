"""Tells which Python is measured: one built without optimisations takes a fifth longer for all that it does."""

from __future__ import annotations

import platform
import sys


def interpreter() -> str:
    """Such as `CPython 3.11.2 of /usr`; how it was built, not every Python knows."""
    return f"{platform.python_implementation()} {platform.python_version()} of {sys.base_prefix}"
