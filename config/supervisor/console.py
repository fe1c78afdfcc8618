"""What `manage.py up` shows: one line an event, each with the time since the start."""

from __future__ import annotations

import time

from rich.console import Console as RichConsole
from rich.markup import escape


class Console:
    """Writes lines with a clock that starts at zero."""

    def __init__(self) -> None:
        self._out = RichConsole(highlight=False, soft_wrap=True)
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """One plain line."""
        self._out.print(f"[dim]{self.seconds():7.2f} s[/dim]  {escape(text)}")

    def warn(self, text: str) -> None:
        """One line that stands out."""
        self._out.print(f"[dim]{self.seconds():7.2f} s[/dim]  [bold yellow]{escape(text)}[/bold yellow]")

    def box(self, title: str, rows: list[tuple[str, str]]) -> None:
        """A title with rows of (label, text) under it."""
        width = max(len(label) for label, _ in rows)
        self._out.print(f"\n[bold]{escape(title)}[/bold]")
        for label, text in rows:
            self._out.print(f"  {escape(label):<{width}}  [cyan]{escape(text)}[/cyan]")
        self._out.print()

    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started
