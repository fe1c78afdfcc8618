"""What it costs a commit that others listen: `python -m bench.listeners`.

At every commit that rings the bell, the database wakes each connection of its that listens to anything, and that looks
what was rung. With a relay there is one, however many web processes there are.
"""

from __future__ import annotations

import argparse
import threading
import time
from contextlib import ExitStack
from typing import Final

import psycopg
from rich.console import Console
from rich.table import Table

from bench.database import database

#: Seconds for which commits are counted; connections that commit, one after the other, meanwhile.
SECONDS: Final = 4.0
WRITERS: Final = 4


def main() -> None:
    """Prints commits a second by the number of connections that listen."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listeners", type=int, nargs="*", default=[0, 1, 10, 30, 80])
    options = parser.parse_args()
    with database():
        # Warm the server up.
        _measure(0)
        found = {count: _measure(count) for count in options.listeners}
    table = Table(title=f"Commits that ring the bell, by {WRITERS} connections")
    for heading in ("connections that listen", "commits a second", "of those without"):
        table.add_column(heading, justify="right")
    most = found[options.listeners[0]]
    for count, rate in found.items():
        table.add_row(str(count), f"{rate:.0f}", f"{rate / most:.0%}")
    Console().print(table)


def _measure(listeners: int) -> float:
    """Commits a second while so many listen: to another channel, so that only the work of the database counts."""
    from ci_core.events import wires

    parameters = wires.connection_parameters()
    with ExitStack() as stack:
        connections = [
            stack.enter_context(psycopg.connect(**parameters, autocommit=True))
            for _ in range(listeners + WRITERS)
        ]
        writers = connections[:WRITERS]
        for connection in connections[WRITERS:]:
            connection.execute("LISTEN bench")
        counts = [0] * WRITERS
        ends_at = time.monotonic() + SECONDS

        def write(nth: int) -> None:
            while time.monotonic() < ends_at:
                writers[nth].execute("SELECT pg_notify('pipeyard_changes', 'pipeline/1 project/1')")
                counts[nth] += 1

        threads = [threading.Thread(target=write, args=(nth,)) for nth in range(WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(counts) / SECONDS


if __name__ == "__main__":
    main()
