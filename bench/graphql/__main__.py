"""Prints the comparison: `python -m bench.graphql [--only graph pages load scale] [--jobs 10000000]`."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.database import database
from bench.interpreter import interpreter

SIZES: Final = (10, 100, 1000, 5000)
LOAD_SIZE: Final = 50
WIDTH: Final = 150
PARTS: Final = ("graph", "pages", "load", "scale")


def main() -> None:
    """Runs the parts that were asked for; all but the scale by default, which takes long and much disk."""
    parser = argparse.ArgumentParser(prog="python -m bench.graphql", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=["graph", "pages", "load"])
    parser.add_argument("--jobs", type=int, default=10_000_000, help="jobs that the scale goes up to")
    parser.add_argument("--rounds", type=int, default=21, help="answers of each contestant to each question")
    given = parser.parse_args()
    # Eleven columns do not fit where output is not a terminal, which counts as 80 characters wide.
    console = Console(width=max(WIDTH, Console().width))
    console.print(f"measured with {interpreter()}")
    with database():
        from bench.graphql.data import seed

        data = seed(SIZES, LOAD_SIZE)
        # As the web process does when it starts.
        gc.collect()
        gc.freeze()
        parts: dict[str, Callable[[], list[Table]]] = {}
        from bench.graphql import comparison, scale

        parts["graph"] = lambda: comparison.graphs(data, SIZES, given.rounds)
        parts["pages"] = lambda: comparison.pages(data, given.rounds)
        parts["load"] = lambda: comparison.loads(data, LOAD_SIZE)
        parts["scale"] = lambda: scale.measure(data, given.jobs)
        for part in PARTS:
            if part in given.only:
                for table in parts[part]():
                    console.print(table)


if __name__ == "__main__":
    main()
